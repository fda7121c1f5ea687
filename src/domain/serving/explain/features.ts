// Rows of features taken apart by an explainer, in the words of the columns: by the explaining thread, and on the event loop for
// small models, where two switches of threads cost more than what there is to be computed.
import { byColumn, type FeatureMap } from '../../../ml/explain/columns.ts'
import { type Explainer, explainerOf } from '../../../ml/explain/scores.ts'
import type { ExplainedRow, LightModel } from './protocol.ts'

export interface Explaining {
  readonly explainer: Explainer
  readonly map: FeatureMap
  readonly columnNames: readonly string[]
}

export function explainingOf({ model, map, columnNames }: LightModel): Explaining {
  return { explainer: explainerOf(model), map, columnNames }
}

/** `outputs`: the one to explain, for each row. */
export function explainFeatures(
  { explainer, map, columnNames }: Explaining,
  features: Float32Array,
  outputs: readonly number[],
): ExplainedRow[] {
  const { width } = explainer
  return outputs.map((output, row): ExplainedRow => {
    const offset = row * width
    // With one score for two classes, what speaks for the second speaks against the first.
    const against = explainer.outputs === 1 && explainer.link !== 'identity' && output === 0
    const place = { offset, output: explainer.outputs === 1 ? 0 : output }
    const contributions = new Float64Array(width)
    explainer.explain(features, place, contributions)
    const found = { base: explainer.base[place.output]!, score: explainer.score(features, place) }
    const turn = turned(explainer.link, against)
    const shown = against ? contributions.map((value) => -value) : contributions
    return {
      base: turn(found.base),
      score: turn(found.score),
      columns: byColumn(map, columnNames, { contributions: shown, features, offset }),
    }
  })
}

function turned(link: Explainer['link'], against: boolean): (score: number) => number {
  if (!against) return (score) => score
  return link === 'chance' ? (score) => 1 - score : (score) => -score
}
