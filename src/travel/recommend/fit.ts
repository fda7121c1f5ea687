// The fitting, in a child process: choose the method, measure the live version on the same later events, write the graph.
import { readFile, writeFile } from 'node:fs/promises'
import { systemClock } from '../../core/clock.ts'
import type { Trained, TrainerChampion, TrainingProgress } from '../../domain/training/index.ts'
import { serveIsolated } from '../../jobs/isolated.ts'
import type { Candidate } from '../../ml/recommend/candidates.ts'
import { chooseRecommender } from '../../ml/recommend/choose.ts'
import { preferenceMatrix } from '../../ml/recommend/feedback.ts'
import { recommenderGraph } from '../../ml/recommend/graph.ts'
import { scaleOf } from '../../ml/recommend/scale.ts'
import { copiedRecords } from '../records.ts'
import { measureChampion } from './champion.ts'
import { requireEnough } from './enough.ts'
import { recordedOf } from './recorded.ts'
import { reportOf } from './report.ts'

export interface FitInput {
  /** Where the records were copied to. */
  readonly folder: string
  /** Where the model is to be written. */
  readonly file: string
  readonly seed: number
  readonly atMs: number
  readonly champion: TrainerChampion | undefined
}

/** Of the whole, once the records are read. */
const SHARE = { read: 0.05, chosen: 0.8 }

serveIsolated<TrainingProgress>(async (input, { progress }): Promise<Trained> => {
  const { folder, file, seed, atMs, champion } = input as FitInput
  const recorded = await recordedOf(copiedRecords(folder), { seed, atMs })
  const { data, userWords, ...rest } = recorded
  requireEnough(data.feedback.items.length, recorded.itemIds.length)
  const watch = stopwatch()
  const { recommender, ...choice } = chooseRecommender(data, {
    ...(champion && { notBeforeMs: champion.trainedAtMs }),
    onProgress: (share, candidate) => {
      watch.next(candidate)
      const done = SHARE.read + share * (SHARE.chosen - SHARE.read)
      progress({ progress: done, stage: 'choose', message: `Trying ${candidate.method}` })
    },
  })
  progress({ progress: SHARE.chosen, stage: 'write', message: `Writing the model: ${choice.winner.method}` })
  const preferences = preferenceMatrix(data.feedback)
  const scale = scaleOf(recommender, { preferences, userTokens: data.userTokens })
  const { itemTokens } = data
  await writeFile(
    file,
    recommenderGraph({ ...rest, recommender, preferences, itemTokens, userTokens: userWords, scale }),
  )
  if (champion)
    progress({ progress: 0.9, stage: 'champion', message: `Measuring the live version ${champion.version}` })
  const figures =
    champion && (await measureChampion({ ...champion, file: await readFile(champion.path) }, recorded, choice.splitMs))
  return { path: file, ...reportOf({ choice, champion: figures, seed, secondsOf: watch.secondsOf }) }
})

/** How long each candidate took: told when the next one begins. */
function stopwatch() {
  const seconds = new Map<Candidate['settings'], number>()
  let current: { readonly settings: Candidate['settings']; readonly since: number } | undefined
  return {
    next({ settings }: Candidate) {
      const now = systemClock.elapsedMs()
      if (current) seconds.set(current.settings, (now - current.since) / 1000)
      current = { settings, since: now }
    },
    secondsOf: ({ settings }: Candidate) => seconds.get(settings) ?? 0,
  }
}
