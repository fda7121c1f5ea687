// Tables made for repeated.ts: what users have and the public files do not show. Every draw of a table has a seed of its own;
// the first rows are to learn from, the others to judge by.
import type { ContractColumn } from '../../src/contract/datasets.ts'
import { type Random, seededRandom } from '../../src/core/random.ts'
import type { Target } from '../../src/domain/training/pipeline/target.ts'
import { selectTarget } from '../../src/domain/training/pipeline/target.ts'
import { type Column, selectRows, type Table } from '../../src/ml/table.ts'
import type { QualityRows } from './rows.ts'

type Cell = number | string | null

export interface MadeRow {
  readonly cells: Readonly<Record<string, Cell>>
  readonly answer: number | string
}

export interface MadeSet {
  readonly name: string
  /** To learn from, and held out. */
  readonly rows: readonly [number, number]
  readonly task: Target['task']
  /** What a table's draws share, then its rows one after the other. */
  readonly make: (random: Random) => (row: number) => MadeRow
  /** Columns of instants, in milliseconds. */
  readonly instants?: readonly string[]
}

const normals = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.normal())
const named = (values: readonly number[]) => Object.fromEntries(values.map((value, i) => [`x${i}`, value]))
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const toss = (random: Random, share: number) => (random.next() < share ? 'yes' : 'no')

const linear = (x: readonly number[], weights: readonly number[]) =>
  x.reduce((sum, one, i) => sum + one * weights[i]!, 0)
/** Friedman (1991): waves, a square and two straight lines, five of ten columns. */
const friedman = (x: readonly number[]) =>
  10 * Math.sin(Math.PI * x[0]! * x[1]!) + 20 * (x[2]! - 0.5) ** 2 + 10 * x[3]! + 5 * x[4]!

export const MADE_SETS: readonly MadeSet[] = [
  {
    name: 'straight lines, 300 x 15, numbers',
    rows: [300, 1000],
    task: 'regression',
    make: (random) => {
      const weights = normals(random, 15)
      return () => {
        const x = normals(random, 15)
        return { cells: named(x), answer: linear(x, weights) + 2 * random.normal() }
      }
    },
  },
  {
    name: 'friedman 1, 200 x 10, numbers',
    rows: [200, 1000],
    task: 'regression',
    make: (random) => () => {
      const x = Array.from({ length: 10 }, () => random.next())
      return { cells: named(x), answer: friedman(x) + random.normal() }
    },
  },
  {
    name: 'friedman 1, 2000 x 10, numbers',
    rows: [2000, 1000],
    task: 'regression',
    make: (random) => () => {
      const x = Array.from({ length: 10 }, () => random.next())
      return { cells: named(x), answer: friedman(x) + random.normal() }
    },
  },
  {
    name: 'exclusive or of three among ten, 1000 rows',
    rows: [1000, 1000],
    task: 'classification',
    make: (random) => () => {
      const x = normals(random, 10)
      const odd = x[0]! * x[1]! * x[2]! > 0
      return { cells: named(x), answer: random.next() < 0.1 !== odd ? 'yes' : 'no' }
    },
  },
  {
    name: 'product of two among ten, 1000 rows, numbers',
    rows: [1000, 1000],
    task: 'regression',
    make: (random) => () => {
      const x = normals(random, 10)
      return { cells: named(x), answer: x[0]! * x[1]! + 0.3 * random.normal() }
    },
  },
  {
    name: 'wide, 200 x 500, five matter',
    rows: [200, 1000],
    task: 'classification',
    make: (random) => () => {
      const x = normals(random, 500)
      return { cells: named(x), answer: toss(random, sigmoid(1.5 * (x[0]! + x[1]! - x[2]! + x[3]! * 0.7 - x[4]!))) }
    },
  },
  {
    name: 'wide, 200 x 500, five matter, numbers',
    rows: [200, 1000],
    task: 'regression',
    make: (random) => () => {
      const x = normals(random, 500)
      return { cells: named(x), answer: x[0]! + Math.abs(x[1]!) - x[2]! + x[3]! - x[4]! + random.normal() }
    },
  },
  {
    name: 'one in a thousand, 20000 x 8',
    rows: [20_000, 20_000],
    task: 'classification',
    make: (random) => (row) => {
      const rare = row % 1000 === 7
      const x = normals(random, 8).map((one, i) => one + (rare && i < 4 ? 1 : 0))
      return { cells: named(x), answer: rare ? 'yes' : 'no' }
    },
  },
  {
    name: 'one in fifty, 3000 x 8',
    rows: [3000, 3000],
    task: 'classification',
    make: (random) => (row) => {
      const rare = row % 50 === 7
      const x = normals(random, 8).map((one, i) => one * (rare && i === 5 ? 2 : 1) + (rare && i < 3 ? 1 : 0))
      return { cells: named(x), answer: rare ? 'yes' : 'no' }
    },
  },
  {
    name: 'prices (log-normal), 2000 x 8, numbers',
    rows: [2000, 1000],
    task: 'regression',
    make: (random) => () => {
      const x = normals(random, 6)
      const town = `town ${random.integer(20)}`
      const kind = ['flat', 'house', 'land'][random.integer(3)]!
      const base = { flat: 0, house: 0.8, land: -0.7 }[kind]!
      const raw = 11 + 0.6 * x[0]! + 0.4 * Math.abs(x[1]!) + base + (town.length % 2) * 0.3 + 0.25 * random.normal()
      return { cells: { ...named(x), town, kind }, answer: Math.exp(raw) }
    },
  },
  {
    name: 'counts, 1500 x 8, numbers',
    rows: [1500, 1000],
    task: 'regression',
    make: (random) => () => {
      const x = normals(random, 8)
      const rate = Math.exp(0.5 * x[0]! - 0.4 * x[1]! + (x[2]! > 0 ? 0.6 : 0))
      let [count, left] = [0, Math.exp(-rate)]
      for (let p = random.next(); p > left; p *= random.next()) count++
      left = 0
      return { cells: named(x), answer: count }
    },
  },
  {
    name: 'wild errors, 1000 x 8, numbers',
    rows: [1000, 1000],
    task: 'regression',
    make: (random) => (row) => {
      const x = normals(random, 8)
      const noise = row < 1000 && random.next() < 0.02 ? 100 * random.normal() : random.normal()
      return { cells: named(x), answer: 2 * x[0]! + Math.sin(3 * x[1]!) * 2 + x[2]! * x[3]! + noise }
    },
  },
  {
    name: 'wild cells, 1000 x 8',
    rows: [1000, 1000],
    task: 'classification',
    make: (random) => () => {
      const x = normals(random, 8)
      const shown = x.map((one) => (random.next() < 0.02 ? one * 1e6 : Math.exp(one)))
      return { cells: named(shown), answer: toss(random, sigmoid(2 * x[0]! - 1.5 * x[1]! + x[2]!)) }
    },
  },
  {
    name: 'a column of 400 categories, 3000 rows',
    rows: [3000, 2000],
    task: 'classification',
    make: (random) => {
      const effects = normals(random, 400)
      return () => {
        const x = normals(random, 5)
        const shop = Math.min(399, Math.floor(400 * random.next() ** 2))
        return {
          cells: { ...named(x), shop: `shop ${shop}` },
          answer: toss(random, sigmoid(1.2 * effects[shop]! + x[0]! - x[1]! * 0.5)),
        }
      }
    },
  },
  {
    name: 'a column of 400 categories, 3000 rows, numbers',
    rows: [3000, 2000],
    task: 'regression',
    make: (random) => {
      const effects = normals(random, 400)
      return () => {
        const x = normals(random, 5)
        const shop = Math.min(399, Math.floor(400 * random.next() ** 2))
        const answer = 2 * effects[shop]! + x[0]! - x[1]! * 0.5 + random.normal()
        return { cells: { ...named(x), shop: `shop ${shop}` }, answer }
      }
    },
  },
  {
    name: 'eight columns of categories only, 600 rows',
    rows: [600, 1000],
    task: 'classification',
    make: (random) => {
      const effects = Array.from({ length: 8 }, () => normals(random, 6))
      return () => {
        const codes = effects.map(() => random.integer(6))
        const score = codes.reduce((sum, code, i) => sum + (i < 4 ? effects[i]![code]! : 0), 0)
        const cells = Object.fromEntries(codes.map((code, i) => [`c${i}`, `v${code}`]))
        return { cells, answer: toss(random, sigmoid(score)) }
      }
    },
  },
  {
    name: 'gaps everywhere, gaps that say something, 1200 x 12',
    rows: [1200, 1000],
    task: 'classification',
    make: (random) => () => {
      const x = normals(random, 12)
      const score = 1.5 * x[0]! - x[1]! + 0.5 * x[2]!
      const cells = named(x) as Record<string, Cell>
      for (let i = 0; i < 12; i++) if (random.next() < 0.3) cells[`x${i}`] = null
      if (score > 0 && random.next() < 0.5) cells.x11 = null
      return { cells: { ...cells, empty: null, same: 3 }, answer: toss(random, sigmoid(score)) }
    },
  },
  {
    name: 'days and hours, 1500 rows, numbers',
    rows: [1500, 1000],
    task: 'regression',
    instants: ['at'],
    make: (random) => () => {
      const at = Date.UTC(2024, 0, 1) + Math.floor(random.next() * 365 * 24) * 3_600_000
      const date = new Date(at)
      const weekend = date.getUTCDay() % 6 === 0 ? 3 : 0
      const answer = weekend + 4 * Math.sin((date.getUTCHours() / 24) * 2 * Math.PI) + date.getUTCMonth() / 3
      const [a, b] = normals(random, 2)
      return { cells: { at, a: a!, b: b! }, answer: answer + a! + random.normal() }
    },
  },
  {
    name: 'a trend that goes on, 1000 rows, numbers',
    rows: [1000, 300],
    task: 'regression',
    make: (random) => (row) => {
      const x = normals(random, 5)
      const season = 3 * Math.sin((row / 50) * 2 * Math.PI)
      const answer = row / 100 + season + x[0]! + x[1]! * x[2]! + random.normal()
      return { cells: { ...named(x), day: row, phase: row % 50 }, answer }
    },
  },
  {
    name: 'ten classes, 1000 x 12',
    rows: [1000, 1000],
    task: 'classification',
    make: (random) => {
      const centres = Array.from({ length: 10 }, () => normals(random, 12))
      return () => {
        const one = random.integer(10)
        const x = normals(random, 12).map((noise, i) => 1.6 * noise + (i < 8 ? centres[one]![i]! : 0))
        return { cells: named(x), answer: `class ${one}` }
      }
    },
  },
  {
    name: 'a third of the labels is wrong, 500 x 10',
    rows: [500, 1000],
    task: 'classification',
    make: (random) => (row) => {
      const x = normals(random, 10)
      const truth = x[0]! + x[1]! * x[2]! > 0
      const wrong = row < 500 && random.next() < 0.3
      return { cells: named(x), answer: wrong !== truth ? 'yes' : 'no' }
    },
  },
  {
    name: 'steps and limits, 400 x 6, numbers',
    rows: [400, 1000],
    task: 'regression',
    make: (random) => () => {
      const x = Array.from({ length: 6 }, () => Math.round(random.next() * 20))
      const answer = (x[0]! > 12 ? 5 : 0) + (x[1]! < 5 ? -3 : 0) + (x[2]! > 10 && x[3]! > 10 ? 4 : 0)
      return { cells: named(x), answer: answer + random.normal() }
    },
  },
  {
    name: 'moons, 100 x 2',
    rows: [100, 1000],
    task: 'classification',
    make: (random) => () => {
      const [angle, upper] = [Math.PI * random.next(), random.next() < 0.5]
      const [x, y] = upper ? [Math.cos(angle), Math.sin(angle)] : [1 - Math.cos(angle), 0.5 - Math.sin(angle)]
      const cells = { x: x! + 0.3 * random.normal(), y: y! + 0.3 * random.normal() }
      return { cells, answer: upper ? 'yes' : 'no' }
    },
  },
]

/** One draw of a table. */
export function drawMade({ rows: [trained, tested], task, make, instants = [] }: MadeSet, seed: number): QualityRows {
  const next = make(seededRandom(1000 + seed))
  const rows = Array.from({ length: trained + tested }, (_, row) => next(row))
  const names = Object.keys(rows[0]!.cells)
  const columns = names.map((name) => columnOf(rows.map(({ cells }) => cells[name]!)))
  const table: Table = { rows: rows.length, columns: new Map(names.map((name, i) => [name, columns[i]!])) }
  const target = targetOf(rows, task)
  const contract = names.map((name, i): ContractColumn => {
    const dtype = columns[i]!.form === 'category' ? 'string' : instants.includes(name) ? 'datetime' : 'number'
    return { name, dtype, required: true, nullable: true }
  })
  const side = (from: number, to: number) => {
    const own = Uint32Array.from({ length: to - from }, (_, i) => from + i)
    return { table: selectRows(table, own), target: selectTarget(target, own) }
  }
  return { columns: contract, train: side(0, trained), test: side(trained, trained + tested) }
}

function columnOf(cells: readonly Cell[]): Column {
  if (!cells.some((cell) => typeof cell === 'string')) {
    return { form: 'number', values: Float64Array.from(cells, (cell) => (cell === null ? Number.NaN : Number(cell))) }
  }
  const dictionary = [...new Set(cells.filter((cell) => cell !== null).map(String))]
  const codes = new Map(dictionary.map((value, code) => [value, code]))
  return { form: 'category', dictionary, codes: Int32Array.from(cells, (cell) => codes.get(String(cell)) ?? -1) }
}

function targetOf(rows: readonly MadeRow[], task: Target['task']): Target {
  if (task === 'regression') return { task, values: Float64Array.from(rows, ({ answer }) => Number(answer)) }
  const classes = [...new Set(rows.map(({ answer }) => String(answer)))].sort()
  const codes = new Map(classes.map((name, code) => [name, code]))
  return { task, dtype: 'string', classes, labels: Int32Array.from(rows, ({ answer }) => codes.get(String(answer))!) }
}
