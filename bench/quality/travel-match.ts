// Matching on speed dates: would the one who decides meet the other again? Persons divisible by 5 are held out with all their
// dates, as in the set's SOURCE.md:
//   node bench/quality/travel-match.ts [--data=DIR] [--choose]
// Writes bench/results/quality-travel-match.json; ends with 1 where a target is missed. `--choose` never looks at the held-out
// persons: it prints the areas by cross-validation over the other ones, by which features, learners and settings were chosen
// (docs/decisions/034, which also says what was seen of the held-out persons before). The learner is that of travel.train. A decision has a
// direction, so unlike the score of the service these features tell the one who decides from the other.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ContractColumn } from '../../src/contract/datasets.ts'
import { seededRandom, shuffle } from '../../src/core/random.ts'
import type { Column } from '../../src/ml/table.ts'
import { matchLearner } from '../../src/travel/match/learner.ts'
import { spread, writeResult } from '../result.ts'
import { type Trained, trainAndJudge } from './train.ts'
import { afterwards, columnsOf, type Features, pairOf, type Row, readRows } from './travel-match/dates.ts'
import { comparedRatings, Opinions } from './travel-match/others.ts'

const FILE = 'matching/speed-dating-a/dates.csv'
const TARGETS = { before_the_date: 0.66, all: 0.83 }
const REFERENCE = { before_the_date: 0.6467, all: 0.8252 }
const SEEDS = [1, 2, 3]
const FOLDS = 5

type View = (learn: readonly Row[], rows: readonly Row[]) => (row: Row) => Features

/** What is looked at. `learn`: the rows whose decisions may be known; `rows`: all whose other columns may. */
const VIEWS: Readonly<Record<string, View>> = {
  before_the_date: (learn, rows) => {
    const races = racesOf(rows)
    const opinions = new Opinions(learn)
    return (row) => ({ ...columnsOf(row, races), ...pairOf(row), ...opinions.of(row) })
  },
  before_the_date_columns_and_pair: (_, rows) => {
    const races = racesOf(rows)
    return (row) => ({ ...columnsOf(row, races), ...pairOf(row) })
  },
  before_the_date_columns: (_, rows) => {
    const races = racesOf(rows)
    return (row) => columnsOf(row, races)
  },
  all: (learn, rows) => {
    const races = racesOf(rows)
    const [opinions, compared] = [new Opinions(learn), comparedRatings(rows)]
    return (row) => ({ ...columnsOf(row, races), ...pairOf(row), ...compared.get(row)!, ...opinions.of(row) })
  },
  all_of_this_date_only: (_, rows) => {
    const races = racesOf(rows)
    return (row) => ({ ...columnsOf(row, races), ...pairOf(row), ...afterwards(row) })
  },
}

function racesOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.map(({ race }) => race!))].sort()
}

interface Split {
  readonly learn: readonly Row[]
  readonly judge: readonly Row[]
  readonly seed: number
}

/** Of the file that would be served. */
async function areasOf(
  view: View,
  { learn, judge, seed }: Split,
  learnersOf: (features: number) => Readonly<Record<string, Trained>>,
): Promise<Record<string, number>> {
  const featuresOf = view(learn, [...learn, ...judge])
  const [train, test] = [learn, judge].map((rows) => {
    const features = rows.map(featuresOf)
    const names = Object.keys(features[0]!)
    const column = (name: string): Column => ({
      form: 'number',
      values: Float64Array.from(features, (one) => one[name]!),
    })
    const table = { rows: rows.length, columns: new Map(names.map((name) => [name, column(name)])) }
    const labels = Int32Array.from(rows, (row) => Number(row.decision))
    return { table, target: { task: 'classification', dtype: 'integer', classes: ['0', '1'], labels } as const }
  })
  const names = [...train!.table.columns.keys()]
  const columns = names.map((name): ContractColumn => ({ name, dtype: 'number', required: true, nullable: true }))
  const areas: Record<string, number> = {}
  for (const [learner, trained] of Object.entries(learnersOf(names.length))) {
    const { metrics } = await trainAndJudge({ columns, train: train!, test: test! }, { ...trained, seed })
    areas[learner] = metrics.roc_auc!
  }
  return areas
}

/** The learner of the service and each of its members alone. */
function learnersFor(examples: number, features: number): Record<string, Trained> {
  const { algorithm, hyperparameters } = matchLearner(examples, features)
  const members = hyperparameters.members as readonly Trained[]
  return { together: { algorithm, hyperparameters }, ...Object.fromEntries(members.map((one) => [one.algorithm, one])) }
}

async function choose(rows: readonly Row[]): Promise<void> {
  const persons = shuffle([...new Set(rows.map((row) => row.person_id!))], seededRandom(7))
  const fold = new Map(persons.map((person, index) => [person, index % FOLDS]))
  for (const [name, view] of Object.entries(VIEWS)) {
    const sums: Record<string, number> = {}
    for (let held = 0; held < FOLDS; held++) {
      const isHeld = (row: Row) => fold.get(row.person_id!) === held
      const split = { learn: rows.filter((row) => !isHeld(row)), judge: rows.filter(isHeld), seed: held }
      const areas = await areasOf(view, split, (features) => learnersFor(split.learn.length, features))
      for (const [learner, area] of Object.entries(areas)) sums[learner] = (sums[learner] ?? 0) + area / FOLDS
    }
    const shown = Object.entries(sums).map(([learner, area]) => `${learner} ${area.toFixed(4)}`)
    process.stdout.write(`${name}: ${shown.join(', ')}\n`)
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: 'string' }, choose: { type: 'boolean', default: false } } })
  const path = join(values.data ?? join(import.meta.dirname, '../../../shared/data'), FILE)
  if (!existsSync(path)) {
    process.stdout.write(`skipped: ${path} is absent; name the folder of the public files with --data=DIR\n`)
    return
  }
  const rows = readRows(path)
  const isHeldOut = (row: Row) => Number(row.person_id) % 5 === 0
  const learn = rows.filter((row) => !isHeldOut(row))
  if (values.choose) return choose(learn)
  const areas: Record<string, ReturnType<typeof spread>> = {}
  for (const [name, view] of Object.entries(VIEWS)) {
    const found: number[] = []
    for (const seed of SEEDS) {
      const split = { learn, judge: rows.filter(isHeldOut), seed }
      const { service } = await areasOf(view, split, (features) => ({ service: matchLearner(learn.length, features) }))
      found.push(service!)
    }
    areas[name] = spread(found)
  }
  await writeResult('quality-travel-match', {
    what: 'area under the ROC curve on held-out persons; median of three seeds, least and most',
    ...areas,
    targets: TARGETS,
    reference_lightgbm: REFERENCE,
    learner: 'that of travel.train, src/travel/match/learner.ts',
    'what it knows of others':
      "before_the_date and all also know what those learned from decided about the same partner and how they rated them; all compares ratings with the person's other dates of the evening",
  })
  const missed = Object.entries(TARGETS).filter(([name, target]) => areas[name]!.median < target)
  if (missed.length > 0) process.exitCode = 1
}

await main()
