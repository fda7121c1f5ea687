// The fitting, in a child process: choose the method, measure the live version on the same later events, write the graph.
import { serveIsolated } from '../../jobs/isolated.ts'
import { type Choice, chooseRecommender } from '../../ml/recommend/choose.ts'
import { preferenceMatrix } from '../../ml/recommend/feedback.ts'
import { recommenderGraph } from '../../ml/recommend/graph.ts'
import { scaleOf } from '../../ml/recommend/scale.ts'
import { type ChampionFigure, type ChampionFile, measureChampion } from './champion.ts'
import type { Recorded } from './recorded.ts'

export interface FitInput {
  readonly recorded: Recorded
  readonly champion: ChampionFile | undefined
}

export interface FitResult {
  readonly file: Uint8Array
  readonly choice: Pick<Choice, 'winner' | 'standings' | 'floor' | 'splitMs' | 'rmse'>
  readonly champion: ChampionFigure | undefined
}

serveIsolated<never>(async (input): Promise<FitResult> => {
  const { recorded, champion } = input as FitInput
  const { data, userWords, ...rest } = recorded
  const { recommender, ...choice } = chooseRecommender(data, champion && { notBeforeMs: champion.trainedAtMs })
  const preferences = preferenceMatrix(data.feedback)
  const scale = scaleOf(recommender, { preferences, userTokens: data.userTokens })
  const { itemTokens } = data
  return {
    file: recommenderGraph({ ...rest, recommender, preferences, itemTokens, userTokens: userWords, scale }),
    choice,
    champion: champion && (await measureChampion(champion, recorded, choice.splitMs)),
  }
})
