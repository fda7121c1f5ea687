// Do the chances of match scoring come true, and would a calibration of the blend help? By five-fold cross-validation over persons, on
// the persons that are learned from only (the held-out ones are never looked at), and on two made worlds:
//   node bench/quality/travel-match-calibration.ts [--data=DIR]
// Beside the blend as it is: Platt's sigmoid on its log odds, and a factor alone (a temperature), each fitted on what blends of three
// inner folds say of rows they did not see.
// Writes bench/results/quality-travel-match-calibration.json. What was decided by it: docs/decisions/049.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ContractColumn } from '../../src/contract/datasets.ts'
import { seededRandom, shuffle } from '../../src/core/random.ts'
import { encodingOf } from '../../src/domain/training/pipeline/learners.ts'
import { encodeTable, fitEncoding } from '../../src/ml/encode/index.ts'
import { fitPlatt } from '../../src/ml/learn/calibration/platt.ts'
import { fitTemperature } from '../../src/ml/learn/calibration/temperature.ts'
import { ALGORITHMS } from '../../src/ml/learn/index.ts'
import type { Column, Table } from '../../src/ml/table.ts'
import { openSession } from '../../src/runtime/in-process.ts'
import { matchLearner } from '../../src/travel/match/learner.ts'
import { writeResult } from '../result.ts'
import { columnsOf, pairOf, readRows } from './travel-match/dates.ts'

const FOLDS = 5
const INNER = 3
const BINS = 10

interface Example {
  readonly group: string
  readonly label: number
  readonly features: Readonly<Record<string, number>>
}

function tableOf(examples: readonly Example[], names: readonly string[]): Table {
  const column = (name: string): Column => ({
    form: 'number',
    values: Float64Array.from(examples, ({ features }) => features[name]!),
  })
  return { rows: examples.length, columns: new Map(names.map((name) => [name, column(name)])) }
}

/** Log odds of `judge` by the learner of the service, fitted on `learn`. */
async function oddsOf(learn: readonly Example[], judge: readonly Example[], seed: number): Promise<Float64Array> {
  const names = Object.keys(learn[0]!.features)
  const columns = names.map((name): ContractColumn => ({ name, dtype: 'number', required: true, nullable: true }))
  const { algorithm, hyperparameters: whole } = matchLearner(Math.max(1000, learn.length), names.length)
  const hyperparameters = { ...whole, calibration: 'none' }
  const plan = encodingOf({ algorithm, hyperparameters }, { learners: undefined, task: 'classification' })
  const encoding = fitEncoding(tableOf(learn, names), columns, plan)
  const encoder = await openSession(encoding.trainingGraph().bytes)
  const run: Parameters<typeof encodeTable>[2] = async (feeds, fetches) =>
    (await encoder.run(feeds, { fetches })).outputs
  const matrix = await encodeTable(encoding, tableOf(learn, names), run)
  const asked = await encodeTable(encoding, tableOf(judge, names), run)
  await encoder.close()
  const labels = Int32Array.from(learn, ({ label }) => label)
  const target = { task: 'classification', dtype: 'integer', classes: ['0', '1'], labels } as const
  const model = await ALGORITHMS[algorithm].fit({ matrix, features: encoding.features, target, hyperparameters, seed })
  const { values } = model.predict(asked)
  return Float64Array.from(judge, (_, row) => Math.log(values[2 * row + 1]! / values[2 * row]!))
}

function foldsOf(examples: readonly Example[], count: number, seed: number): Map<string, number> {
  const groups = shuffle([...new Set(examples.map(({ group }) => group))], seededRandom(seed))
  return new Map(groups.map((group, index) => [group, index % count]))
}

async function outOfFold(examples: readonly Example[], count: number, seed: number): Promise<Float64Array> {
  const fold = foldsOf(examples, count, seed)
  const odds = new Float64Array(examples.length)
  for (let held = 0; held < count; held++) {
    const judged = examples.flatMap((one, row) => (fold.get(one.group) === held ? [row] : []))
    const learn = examples.filter(({ group }) => fold.get(group) !== held)
    const said = await oddsOf(
      learn,
      judged.map((row) => examples[row]!),
      held,
    )
    for (const [at, row] of judged.entries()) odds[row] = said[at]!
  }
  return odds
}

interface Figures {
  log_loss: number
  brier: number
  calibration_error: number
}

function figuresOf(odds: Float64Array, labels: ArrayLike<number>): Figures {
  const bins = Array.from({ length: BINS }, () => ({ said: 0, was: 0, rows: 0 }))
  let [loss, brier] = [0, 0]
  for (const [row, one] of odds.entries()) {
    const chance = 1 / (1 + Math.exp(-one))
    const label = labels[row]!
    loss -= Math.log(label === 1 ? chance : 1 - chance) / odds.length
    brier += (chance - label) ** 2 / odds.length
    const bin = bins[Math.min(BINS - 1, Math.floor(chance * BINS))]!
    bin.said += chance
    bin.was += label
    bin.rows++
  }
  const gap = bins.reduce((sum, { said, was }) => sum + Math.abs(said - was), 0)
  return { log_loss: loss, brier, calibration_error: gap / odds.length }
}

async function compare(examples: readonly Example[]) {
  const fold = foldsOf(examples, FOLDS, 7)
  const plain = new Float64Array(examples.length)
  const calibrated = new Float64Array(examples.length)
  const heated = new Float64Array(examples.length)
  const factors: number[] = []
  for (let held = 0; held < FOLDS; held++) {
    const judged = examples.flatMap((one, row) => (fold.get(one.group) === held ? [row] : []))
    const learn = examples.filter(({ group }) => fold.get(group) !== held)
    const inner = await outOfFold(learn, INNER, held)
    const labels = Int32Array.from(learn, ({ label }) => label)
    const { slope, offset } = fitPlatt({ scores: inner, labels })
    const factor = fitTemperature({
      scores: Float64Array.from([...inner].flatMap((one) => [0, one])),
      classes: 2,
      labels,
    })
    const said = await oddsOf(
      learn,
      judged.map((row) => examples[row]!),
      held,
    )
    factors.push(factor)
    for (const [at, row] of judged.entries()) {
      plain[row] = said[at]!
      calibrated[row] = slope * said[at]! + offset
      heated[row] = factor * said[at]!
    }
  }
  const labels = examples.map(({ label }) => label)
  return {
    examples: examples.length,
    factors,
    as_it_is: figuresOf(plain, labels),
    sigmoid: figuresOf(calibrated, labels),
    temperature: figuresOf(heated, labels),
  }
}

function speedDates(path: string): Example[] {
  const rows = readRows(path).filter((row) => Number(row.person_id) % 5 !== 0)
  const races = [...new Set(rows.map(({ race }) => race!))].sort()
  return rows.map((row) => ({
    group: row.person_id!,
    label: Number(row.decision),
    features: { ...columnsOf(row, races), ...pairOf(row) },
  }))
}

/** Pairs whose chance is known: alike in two ways, and a bonus for both at once that only trees see. */
function made(count: number, seed: number): Example[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => {
    const features = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, random.next()]))
    const { a, b, c } = features as { a: number; b: number; c: number }
    const odds = 3 * a + 2 * b - 3.5 + (a > 0.6 && c > 0.5 ? 1.5 : 0)
    return { group: String(random.integer(200)), label: Number(random.next() < 1 / (1 + Math.exp(-odds))), features }
  })
}

const { values } = parseArgs({ options: { data: { type: 'string' } } })
const data = values.data ?? join(import.meta.dirname, '../../../shared/data')
await writeResult('quality-travel-match-calibration', {
  what: 'by cross-validation over persons: log loss, Brier score and calibration error (ten bins), and the factors that were fitted',
  made_1200: await compare(made(1200, 1)),
  made_4000: await compare(made(4000, 2)),
  made_1000: await compare(made(1000, 3)),
  speed_dates: await compare(speedDates(join(data, 'matching/speed-dating-a/dates.csv'))),
})
