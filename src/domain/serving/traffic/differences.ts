// How far two versions' answers to the same row are apart, added up; the rows that differ most are kept as examples.
import type { DifferenceExample } from '../../../contract/rollouts.ts'
import type { StoredDifference } from '../../../ports/db/index.ts'
import type { Answer } from '../output.ts'

const MOST_EXAMPLES = 10
/** Relative; versions trained on the same data answer the same number, but for rounding. */
const SAME = 1e-6

export const NO_DIFFERENCE: StoredDifference = {
  rows: 0,
  disagreements: 0,
  measured: 0,
  sum: 0,
  max: 0,
  dropped: 0,
  examples: [],
}

export interface Pair {
  readonly input: unknown
  readonly champion: Answer
  readonly challenger: Answer
}

/** Largest difference of a probability, or of the value; null where neither can be measured. */
export function distance({ champion, challenger }: Omit<Pair, 'input'>): number | null {
  const [a, b] = [champion.probabilities, challenger.probabilities]
  if (a && b) {
    let largest = 0
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      largest = Math.max(largest, Math.abs((a[name] ?? 0) - (b[name] ?? 0)))
    }
    return largest
  }
  if (typeof champion.prediction !== 'number' || typeof challenger.prediction !== 'number') return null
  if (champion.confidence !== undefined) return null
  return Math.abs(champion.prediction - challenger.prediction)
}

function disagree({ champion, challenger }: Omit<Pair, 'input'>): boolean {
  const [a, b] = [champion.prediction, challenger.prediction]
  if (typeof a !== 'number' || typeof b !== 'number') return String(a) !== String(b)
  return Math.abs(a - b) > SAME * Math.max(1, Math.abs(a), Math.abs(b))
}

export function addPair(total: StoredDifference, pair: Pair, at: Date): StoredDifference {
  const far = distance(pair)
  const other = disagree(pair)
  const added = {
    ...total,
    rows: total.rows + 1,
    disagreements: total.disagreements + Number(other),
    measured: total.measured + Number(far !== null),
    sum: total.sum + (far ?? 0),
    max: Math.max(total.max, far ?? 0),
  }
  if (!other && !(far !== null && far > SAME)) return added
  const example: DifferenceExample = {
    input: pair.input as DifferenceExample['input'],
    champion: pair.champion.prediction,
    challenger: pair.challenger.prediction,
    difference: far,
    at: at.toISOString(),
  }
  return { ...added, examples: farthest([...total.examples, example]) }
}

/** Of several replicas. */
export function addDifferences(list: readonly StoredDifference[]): StoredDifference {
  return list.reduce(
    (sum, one) => ({
      rows: sum.rows + one.rows,
      disagreements: sum.disagreements + one.disagreements,
      measured: sum.measured + one.measured,
      sum: sum.sum + one.sum,
      max: Math.max(sum.max, one.max),
      dropped: sum.dropped + one.dropped,
      examples: farthest([...sum.examples, ...one.examples]),
    }),
    NO_DIFFERENCE,
  )
}

/** Without a distance there is only agreement or not, and every example is as good as the first. */
function farthest(examples: readonly DifferenceExample[]): DifferenceExample[] {
  return [...examples].sort((a, b) => (b.difference ?? 2) - (a.difference ?? 2)).slice(0, MOST_EXAMPLES)
}
