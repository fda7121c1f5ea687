// How much each column matters to the new version: the average size of its contributions, and what the metric loses when the
// column is shuffled among the held-out rows (Breiman 2001; Fisher, Rudin and Dominici 2019, "All models are wrong").
import { seededRandom, shuffle } from '../../../../core/random.ts'
import { shapleyValues } from '../../../../ml/explain/shapley.ts'
import { selectRows } from '../../../../ml/table.ts'
import type { Predictions } from '../predictions.ts'
import { selectTarget } from '../target.ts'
import { mixTable, withColumn } from './cells.ts'
import { rowOf } from './learner.ts'
import type { Figures } from './prepare.ts'

const EXPLAINED_ROWS = 200
const SAMPLED_ROWS = 8
const SAMPLED_EVALUATIONS = 250
const BACKGROUND_ROWS = 50
const BATCH = 128

/** Average size of the contributions to what was predicted, by column. */
export async function contributionSizes(figures: Figures): Promise<Float64Array | null> {
  return figures.learner ? exactSizes(figures) : sampledSizes(figures)
}

function exactSizes({ learner, encoding, matrix, predictions, step, sample, names }: Figures): Float64Array {
  const { explainer } = learner!
  const sizes = new Float64Array(names.length)
  const rows = sample.subarray(0, EXPLAINED_ROWS)
  for (const [i, row] of rows.entries()) {
    step(i / rows.length / 3)
    const output = explainer.outputs === 1 || predictions.task === 'regression' ? 0 : predictions.labels[row]!
    const found = new Float64Array(matrix.cols)
    explainer.explain(rowOf(matrix, row), { offset: 0, output }, found)
    const columns = new Float64Array(names.length)
    found.forEach((value, j) => {
      columns[encoding.featureColumns[j]!]! += value
    })
    columns.forEach((value, column) => {
      sizes[column]! += Math.abs(value) / rows.length
    })
  }
  return sizes
}

/** Null where not even one row could be asked about in time. */
async function sampledSizes(figures: Figures): Promise<Float64Array | null> {
  const { heldOut, sample, scorer, names, predictions, expired, step } = figures
  const rows = sample.subarray(0, SAMPLED_ROWS)
  const background = sample.slice(0, BACKGROUND_ROWS)
  const sizes = new Float64Array(names.length)
  let done = 0
  for (const row of rows) {
    if (expired() && done > 0) break
    step(done / rows.length / 3)
    const score = scoreOf(predictions, row)
    const table = selectRows(heldOut.table, Uint32Array.of(row, ...background))
    const scores = async (rows: typeof table) => score(await scorer.score(rows, step))
    const found = await shapleyValues(
      {
        players: names.length,
        empty: await scores(
          selectRows(
            table,
            background.map((_, i) => i + 1),
          ),
        ),
        full: (await scores(selectRows(table, Uint32Array.of(0))))[0]!,
        same: (at) => background[at] === row,
        evaluate: (coalitions) =>
          scores(
            mixTable(table, names, { row: 0, coalitions: coalitions.map((one) => ({ ...one, row: one.row + 1 })) }),
          ),
      },
      { seed: row, evaluations: SAMPLED_EVALUATIONS, batch: BATCH, expired },
    )
    found.contributions.forEach((value, column) => {
      sizes[column]! += Math.abs(value)
    })
    done++
  }
  return done === 0 || !sizes.every(Number.isFinite) ? null : sizes.map((size) => size / done)
}

/** The probability of the class predicted for a row, or the number, out of predictions about other rows. */
function scoreOf(predictions: Predictions, row: number): (found: Predictions) => Float64Array {
  const label = predictions.task === 'classification' ? predictions.labels[row]! : 0
  return (found) => {
    if (found.task === 'regression') return Float64Array.from(found.values)
    const width = found.probabilities.length / found.labels.length
    return Float64Array.from(found.labels, (_, i) => found.probabilities[i * width + label]!)
  }
}

/** Loss of the metric by column; null for columns that time did not reach, and for metrics that are not defined. */
export async function permutationLosses(figures: Figures): Promise<(number | null)[]> {
  const { heldOut, sample, scorer, names, metric, measured, seed, expired, step } = figures
  const table = selectRows(heldOut.table, sample)
  const target = selectTarget(heldOut.target, sample)
  const before = measured(target, await scorer.score(table, step))
  const losses: (number | null)[] = []
  for (const [i, name] of names.entries()) {
    step(1 / 3 + i / names.length / 3)
    if (expired() || before === undefined) {
      losses.push(null)
      continue
    }
    const order = shuffle(
      Uint32Array.from(sample, (_, row) => row),
      seededRandom(seed + i),
    )
    const after = measured(target, await scorer.score(withColumn(table, name, order), step))
    losses.push(after === undefined ? null : metric.greaterIsBetter ? before - after : after - before)
  }
  return losses
}
