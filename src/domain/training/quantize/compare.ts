// Two files side by side: how long they take for the same rows, and how far their answers are apart.
import type { Quantization } from '../../../contract/quantization.ts'
import type { Clock } from '../../../core/clock.ts'
import { asFailure } from '../../../core/failure.ts'
import type { Tensors } from '../../../core/tensors.ts'
import type { InProcessSession } from '../../../runtime/in-process.ts'
import type { Predictions } from '../pipeline/predictions.ts'
import type { Feeder } from './feeds.ts'

const SIZES = [1, 32]
const WARM_UPS = 3
const MOST_RUNS = 201
const TIME_MS = 500

export interface Pair {
  readonly before: InProcessSession
  readonly after: InProcessSession
  readonly feeder: Feeder
}

/** Runs take turns, so that whatever else the machine does falls on both. */
export async function compareSpeed({ before, after, feeder }: Pair, clock: Clock): Promise<Quantization['latency_ms']> {
  const found: Quantization['latency_ms'] = []
  for (const rows of SIZES) {
    if (rows > feeder.rows || (rows > 1 && feeder.single)) continue
    const feeds = feeder.feeds(Uint32Array.from({ length: rows }, (_, i) => i))
    const times: [number[], number[]] = [[], []]
    const start = clock.elapsedMs()
    for (let run = -WARM_UPS; run < MOST_RUNS; run++) {
      const [first, second] = [await before.run(feeds), await after.run(feeds)]
      if (run < 0) continue
      times[0].push(first.runMs)
      times[1].push(second.runMs)
      if (clock.elapsedMs() - start > TIME_MS) break
    }
    found.push({ rows, before: median(times[0]), after: median(times[1]) })
  }
  return found
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return Number(sorted[sorted.length >> 1]!.toPrecision(4))
}

export function differencesOf(before: Predictions, after: Predictions): NonNullable<Quantization['differences']> {
  const values = (some: Predictions) => (some.task === 'classification' ? some.probabilities : some.values)
  const { mean, largest } = distance(values(before), values(after))
  if (before.task !== 'classification' || after.task !== 'classification') return { mean, largest, same_labels: null }
  const same = before.labels.reduce((count, label, row) => count + Number(label === after.labels[row]), 0)
  return { mean, largest, same_labels: same / Math.max(1, before.labels.length) }
}

/** The same for the floats among all outputs; null where the model does not run on made-up input. */
export async function differencesOfOutputs(pair: Pair): Promise<Quantization['differences']> {
  const feeds = pair.feeder.feeds(Uint32Array.of(0))
  const before = await floats(pair.before, feeds)
  if (!before) return null
  const after = await floats(pair.after, feeds)
  return after ? { ...distance(before, after), same_labels: null } : null
}

async function floats(session: InProcessSession, feeds: Tensors): Promise<Float64Array | null> {
  try {
    const { outputs } = await session.run(feeds)
    const data = Object.values(outputs).filter(({ type }) => type === 'float32' || type === 'float64')
    return Float64Array.from(data.flatMap((tensor) => Array.from(tensor.data as ArrayLike<number>)))
  } catch (error) {
    if (asFailure(error).kind === 'invalid') return null
    throw error
  }
}

/** NaN beside NaN is no distance; beside a number it counts as one of the largest. */
function distance(before: ArrayLike<number>, after: ArrayLike<number>): { mean: number; largest: number } {
  let [sum, largest] = [0, 0]
  for (let i = 0; i < before.length; i++) {
    const far = Math.abs(before[i]! - after[i]!)
    const difference = Number.isFinite(far) ? far : Object.is(before[i], after[i]) ? 0 : Number.MAX_VALUE
    sum += difference / before.length
    if (difference > largest) largest = difference
  }
  return { mean: Number(sum.toPrecision(4)), largest: Number(largest.toPrecision(4)) }
}
