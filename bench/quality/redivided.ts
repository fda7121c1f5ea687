// Public tables divided anew by chance: all of their rows, the held-out ones among them, in another order for every seed. Figures
// of these draws say how a default does, never how a model of the public division would.
import type { ContractColumn } from '../../src/contract/datasets.ts'
import { seededRandom, shuffle } from '../../src/core/random.ts'
import { selectTarget, type Target } from '../../src/domain/training/pipeline/target.ts'
import { type Column, selectRows, type Table } from '../../src/ml/table.ts'
import type { Tables } from '../../src/tables/index.ts'
import { ALL_SETS } from './more-sets.ts'
import { type QualityRows, readRows } from './rows.ts'

export interface Redivided {
  readonly name: string
  readonly task: Target['task']
  /** Name of the public set. */
  readonly of: string
  /** Rows to learn from; left out: four fifths of all. */
  readonly rows?: number
  /** Columns of noise beside the others. */
  readonly noise?: number
}

const anew = (of: string, rows?: number, noise?: number): Redivided => {
  const { task } = ALL_SETS.find(({ name }) => name === of)!
  const size = rows === undefined ? '' : `, ${rows} rows`
  const more = noise === undefined ? '' : `, ${noise} columns of noise`
  return {
    name: `${of}${size}${more}`,
    task,
    of,
    ...(rows !== undefined && { rows }),
    ...(noise !== undefined && { noise }),
  }
}

export const REDIVIDED: readonly Redivided[] = [
  anew('heart-cleveland'),
  anew('titanic'),
  anew('breast-cancer-recurrence'),
  anew('auto-mpg'),
  anew('penguins'),
  anew('auto-mpg', 150),
  anew('heart-cleveland', 150),
  anew('heart-cleveland', 240, 40),
  anew('adult', 200),
  anew('adult', 1000),
  anew('adult', 1000, 40),
  anew('adult', 5000),
  anew('bank-additional without duration', 1000),
  anew('abalone', 200),
  anew('abalone', 1000),
  anew('wine-quality as numbers', 300),
  anew('wine-quality as numbers', 1500),
  anew('wine-quality as classes', 1000),
  anew('bike-sharing-hour', 1000),
  anew('google-review-ratings, beach', 600),
]

const MOST_JUDGED = 3000

/** Reads the table once. */
export function drawAnew({ of, rows, noise = 0 }: Redivided, tables: Tables, data: string) {
  const set = ALL_SETS.find(({ name }) => name === of)!
  let read: Promise<QualityRows> | undefined
  return async (seed: number): Promise<QualityRows> => {
    read ??= readRows(set, tables, data)
    const { columns, train, test } = await read
    const random = seededRandom(500 + seed)
    const all = withNoise(joined(train.table, test.table), noise, random)
    const target = joinedTargets(train.target, test.target)
    const order = shuffle(
      Uint32Array.from({ length: all.rows }, (_, row) => row),
      random,
    )
    const learned = rows ?? Math.floor(all.rows * 0.8)
    const side = (own: Uint32Array) => ({ table: selectRows(all, own), target: selectTarget(target, own) })
    return {
      columns: [...columns, ...noiseColumns(noise)],
      train: side(order.slice(0, learned)),
      test: side(order.slice(learned, learned + MOST_JUDGED)),
    }
  }
}

const noiseNames = (count: number) => Array.from({ length: count }, (_, i) => `noise ${i}`)

function noiseColumns(count: number): ContractColumn[] {
  return noiseNames(count).map((name) => ({ name, dtype: 'number', required: true, nullable: true }))
}

function withNoise(table: Table, count: number, random: { normal(): number }): Table {
  const columns = new Map(table.columns)
  for (const name of noiseNames(count)) {
    columns.set(name, { form: 'number', values: Float64Array.from({ length: table.rows }, () => random.normal()) })
  }
  return { rows: table.rows, columns }
}

/** Both were read together, so categories have the same codes. */
function joined(a: Table, b: Table): Table {
  const columns = new Map<string, Column>()
  for (const [name, one] of a.columns) columns.set(name, joinedColumns(one, b.columns.get(name)!))
  return { rows: a.rows + b.rows, columns }
}

function joinedColumns(a: Column, b: Column): Column {
  if (a.form === 'number' && b.form === 'number') return { ...a, values: Float64Array.of(...a.values, ...b.values) }
  if (a.form === 'category' && b.form === 'category') return { ...a, codes: Int32Array.of(...a.codes, ...b.codes) }
  if (a.form === 'text' && b.form === 'text') return { ...a, values: [...a.values, ...b.values] }
  throw new Error('Two parts of a table differ')
}

function joinedTargets(a: Target, b: Target): Target {
  if (a.task === 'regression' && b.task === 'regression') {
    return { ...a, values: Float64Array.of(...a.values, ...b.values) }
  }
  if (a.task === 'classification' && b.task === 'classification') {
    return { ...a, labels: Int32Array.of(...a.labels, ...b.labels) }
  }
  throw new Error('Two parts of a target differ')
}
