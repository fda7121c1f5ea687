// Matching on speed dates: would the one who decides meet the other again? Persons divisible by 5 are held out with all their
// dates, as in the set's SOURCE.md; features of the pair (gaps, likeness, how each fits the other's wishes) beside the columns:
//   node bench/quality/travel-match.ts [--data=DIR]
// Writes bench/results/quality-travel-match.json; ends with 1 where a target is missed. The settings were chosen by
// cross-validation over the persons to learn from. A decision has a direction, so unlike the score of the service these
// features tell the one who decides from the other; the figures are those of the learner on pairs, not of POST /match/score.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ALGORITHMS } from '../../src/ml/learn/index.ts'
import type { Matrix } from '../../src/ml/matrix.ts'
import { evaluateClassification } from '../../src/ml/metrics/index.ts'
import { writeResult } from '../result.ts'

const FILE = 'matching/speed-dating-a/dates.csv'
const TARGETS = { before_the_date: 0.66, all: 0.83 }
const REFERENCE = { before_the_date: 0.6467, all: 0.8252 }
const SETTINGS = {
  n_estimators: 400,
  learning_rate: 0.03,
  max_leaves: 15,
  min_data_in_leaf: 30,
  subsample: 0.6,
  colsample: 0.3,
  lambda_l2: 10,
}
const CLASSES = ['0', '1']
const SEEDS = [1, 2, 3, 4, 5]

type Row = Readonly<Record<string, string>>
type Features = Record<string, number>

const WORDS = ['person_id', 'gender', 'race', 'race_o', 'field', 'decision', 'like']
const WISHES = ['attractive', 'sincere', 'intelligence', 'funny', 'ambition', 'shared_interests']
const WISHES_OF_OTHER = ['attractive', 'sincere', 'intelligence', 'funny', 'ambitious', 'shared_interests']
const TRAITS = ['attractive', 'sincere', 'intelligence', 'funny', 'ambition']
/** How the other was found to be: known only after the date. (One column is misspelt in the file.) */
const RATINGS = [
  'attractive_partner',
  'sincere_partner',
  'intelligence_parter',
  'funny_partner',
  'ambition_partner',
  'shared_interests_partner',
]

function readRows(path: string): Row[] {
  const [head, ...lines] = readFileSync(path, 'utf8').trim().split('\n').map(cellsOf)
  return lines.map((cells) => Object.fromEntries(cells.map((cell, i) => [head![i]!, cell])))
}

function cellsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}

const share = (values: readonly number[]) => {
  const whole = values.reduce((a, b) => a + b, 0) || 1
  return values.map((value) => value / whole)
}
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)

function columnsOf(row: Row, races: readonly string[]): Features {
  const features: Features = { male: Number(row.gender === 'male') }
  for (const [name, cell] of Object.entries(row)) {
    if (!WORDS.includes(name) && !RATINGS.includes(name)) features[name] = Number(cell)
  }
  for (const race of races) {
    features[`race ${race}`] = Number(row.race === race)
    features[`race_o ${race}`] = Number(row.race_o === race)
  }
  return features
}

function pairOf(row: Row): Features {
  const number = (name: string) => Number(row[name])
  const own = share(WISHES.map((name) => number(`${name}_important`)))
  const others = share(WISHES_OF_OTHER.map((name) => number(`pref_o_${name}`)))
  const gap = number('age') - number('age_o')
  const unlike = 1 - number('samerace')
  return {
    age_gap: gap,
    age_likeness: -Math.abs(gap),
    age_level: (number('age') + number('age_o')) / 2,
    older_man: (row.gender === 'male' ? 1 : -1) * gap,
    wishes_distance: own.reduce((sum, wish, i) => sum + Math.abs(wish - others[i]!), 0),
    wishes_likeness: dot(own, others) / Math.sqrt(dot(own, own) * dot(others, others)),
    fits_the_other: dot(
      TRAITS.map((name) => number(name)),
      others,
    ),
    same_race_wished: number('samerace') * number('importance_same_race'),
    other_race_unwished: unlike * number('importance_same_race'),
    ...Object.fromEntries(WISHES.map((name, i) => [`wish_gap ${name}`, own[i]! - others[i]!])),
  }
}

function afterwards(row: Row): Features {
  const ratings = RATINGS.map((name) => Number(row[name]))
  const wishes = share(WISHES.map((name) => Number(row[`${name}_important`])))
  return {
    ...Object.fromEntries(RATINGS.map((name, i) => [name, ratings[i]!])),
    rating_by_wishes: dot(wishes, ratings),
    rating_mean: ratings.reduce((a, b) => a + b, 0) / ratings.length,
    rating_least: Math.min(...ratings),
    ...Object.fromEntries(TRAITS.map((name, i) => [`likeness ${name}`, ratings[i]! - Number(row[name])])),
  }
}

function matrixOf(rows: readonly Features[]): Matrix {
  const names = Object.keys(rows[0]!)
  const values = Float32Array.from(rows.flatMap((row) => names.map((name) => row[name]!)))
  return { form: 'dense', rows: rows.length, cols: names.length, values }
}

/** Area under the curve on the held-out persons, for several seeds. */
async function areas(rows: readonly Row[], featuresOf: (row: Row) => Features): Promise<number[]> {
  const isHeldOut = (row: Row) => Number(row.person_id) % 5 === 0
  const [train, test] = [rows.filter((row) => !isHeldOut(row)), rows.filter(isHeldOut)]
  const labels = (of: readonly Row[]) => Int32Array.from(of, (row) => Number(row.decision))
  const target = { task: 'classification', dtype: 'integer', classes: CLASSES, labels: labels(train) } as const
  const [matrix, heldOut] = [matrixOf(train.map(featuresOf)), matrixOf(test.map(featuresOf))]
  const found: number[] = []
  for (const seed of SEEDS) {
    const model = await ALGORITHMS.gradient_boosting.fit({ matrix, target, hyperparameters: SETTINGS, seed })
    const { values } = model.predict(heldOut)
    const { metrics } = evaluateClassification({ labels: labels(test), classes: CLASSES, probabilities: values })
    found.push(Number(metrics.roc_auc!.toFixed(4)))
  }
  return found
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: 'string' } } })
  const path = join(values.data ?? join(import.meta.dirname, '../../../shared/data'), FILE)
  if (!existsSync(path)) {
    process.stdout.write(`skipped: ${path} is absent; name the folder of the public files with --data=DIR\n`)
    return
  }
  const rows = readRows(path)
  const races = [...new Set(rows.map(({ race }) => race!))].sort()
  const before = (row: Row) => ({ ...columnsOf(row, races), ...pairOf(row) })
  const areasOf = {
    before_the_date: await areas(rows, before),
    before_the_date_columns_alone: await areas(rows, (row) => columnsOf(row, races)),
    all: await areas(rows, (row) => ({ ...before(row), ...afterwards(row) })),
  }
  const middle = (found: readonly number[]) => [...found].sort((a, b) => a - b)[found.length >> 1]!
  const medians = Object.fromEntries(Object.entries(areasOf).map(([name, found]) => [name, middle(found)]))
  await writeResult('quality-travel-match', {
    what: 'area under the ROC curve on held-out persons; median, and each of five seeds',
    medians,
    seeds: areasOf,
    targets: TARGETS,
    reference_lightgbm: REFERENCE,
    settings: SETTINGS,
  })
  const missed = Object.entries(TARGETS).filter(([name, target]) => medians[name]! < target)
  if (missed.length > 0) process.exitCode = 1
}

await main()
