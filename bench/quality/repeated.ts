// Our defaults beside those of LightGBM, XGBoost and scikit-learn on many draws of each table: public tables divided anew,
// smaller, or with noise beside them, and made ones. One division of 80 rows is luck; the mean of twenty is not.
//   node bench/quality/repeated.ts --python=peer/bin/python --xgboost=/usr/bin/python3 [--data=DIR] [--seeds=20] [--from=0]
//     [--with=gradient_boosting,random_forest,automatic] [--keep] [name…]
// With --keep puts each set in its place in bench/results/quality-repeated.json. Gains are ours minus the reference that is best
// on the mean of all draws (for errors: the share of it that is saved), ± the standard error of the difference.
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findMetric } from '../../src/ml/metrics/index.ts'
import { openTables } from '../../src/tables/index.ts'
import { chooseAutomatically } from './automatic.ts'
import { drawMade, MADE_SETS } from './made-sets.ts'
import { drawAnew, REDIVIDED } from './redivided.ts'
import { openReferences, type References } from './references.ts'
import type { QualityRows } from './rows.ts'
import { judge, type Trained, trainAndJudge } from './train.ts'

type Figures = Readonly<Record<string, number>>
/** By engine, then by metric, one figure a draw. */
type Draws = Map<string, Figures[]>

interface Drawn {
  readonly name: string
  readonly task: 'classification' | 'regression'
  readonly draw: (seed: number) => Promise<QualityRows>
}

const OURS = ['gradient_boosting', 'random_forest', 'automatic'] as const

async function figuresOf(drawn: Drawn, rows: QualityRows, { references, ours }: Sides): Promise<Map<string, Figures>> {
  const figures = new Map<string, Figures>()
  for (const [name, said] of await references.ask(rows, 'table')) figures.set(name, judge(rows.test.target, said))
  for (const name of ours) {
    const own = name === 'automatic' ? await chosenFor(drawn, rows) : ({ algorithm: name } as Trained)
    figures.set(name, (await trainAndJudge(rows, own)).metrics)
  }
  return figures
}

interface Sides {
  readonly references: References
  readonly ours: readonly string[]
}

async function chosenFor({ name, task }: Drawn, rows: QualityRows): Promise<Trained> {
  const set = { name, task, target: 'the target', folder: '', files: [], kind: 'table', reference: {} } as const
  return (await chooseAutomatically(set, rows)).chosen
}

function metricsFor(target: QualityRows['test']['target']): readonly string[] {
  if (target.task === 'regression') return ['rmse']
  return target.classes.length === 2 ? ['roc_auc', 'f1_macro', 'log_loss'] : ['f1_macro', 'log_loss']
}

function meanAndError(values: readonly number[]) {
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length
  const squares = values.reduce((sum, one) => sum + (one - mean) ** 2, 0)
  return { mean, error: Math.sqrt(squares / Math.max(1, values.length - 1) / values.length) }
}

/** Every metric: means of all engines, and what ours gain over the best of the others. */
function summed(draws: Draws, metrics: readonly string[]) {
  return metrics.map((metric) => {
    const { greaterIsBetter } = findMetric(metric)!
    const values = (name: string) => draws.get(name)!.map((one) => one[metric]!)
    const means = [...draws.keys()].map((name) => [name, meanAndError(values(name)).mean] as const)
    const rivals = means.filter(([name]) => !(OURS as readonly string[]).includes(name))
    const best = rivals.reduce((top, one) => (greaterIsBetter === one[1] > top[1] ? one : top))
    const scale = greaterIsBetter ? 1 : best[1]
    const theirs = values(best[0])
    const gains = OURS.filter((name) => draws.has(name)).map((name) => {
      const differences = values(name).map((own, i) => ((greaterIsBetter ? 1 : -1) * (own - theirs[i]!)) / scale)
      const { mean, error } = meanAndError(differences)
      return [name, [rounded(mean), rounded(error)]] as const
    })
    return {
      metric,
      best: best[0],
      gains: Object.fromEntries(gains),
      means: Object.fromEntries(means.map(([name, mean]) => [name, rounded(mean)])),
    }
  })
}

const rounded = (value: number) => Number(value.toPrecision(4))

const RESULTS = join(import.meta.dirname, '../results/quality-repeated.json')

interface Kept {
  readonly set: string
  readonly draws: number
  readonly figures: ReturnType<typeof summed>
}

async function keep(result: Kept, names: readonly string[]): Promise<void> {
  const known = existsSync(RESULTS) ? (JSON.parse(await readFile(RESULTS, 'utf8')) as { sets: Kept[] }).sets : []
  const all = new Map([...known, result].map((one) => [one.set, one]))
  await writeFile(RESULTS, `${JSON.stringify({ sets: names.flatMap((name) => all.get(name) ?? []) }, null, 1)}\n`)
}

function show({ set, draws, figures }: Kept): void {
  process.stdout.write(`${set} (${draws})\n`)
  for (const { metric, best, gains, means } of figures) {
    const own = Object.entries(gains).map(([name, [gain, error]]) => {
      const sign = gain! < -2 * error! ? '!' : ' '
      return `${sign}${name} ${gain! >= 0 ? '+' : ''}${gain!.toFixed(4)}±${error!.toFixed(4)}`
    })
    process.stdout.write(`    ${metric.padEnd(9)} ${own.join(' ')}  best ${best}  ${JSON.stringify(means)}\n`)
  }
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    options: {
      data: text,
      python: text,
      xgboost: text,
      seeds: text,
      from: text,
      with: text,
      keep: { type: 'boolean' },
    },
    allowPositionals: true,
  })
  const data = values.data ?? join(import.meta.dirname, '../../../shared/data')
  const folder = await mkdtemp(join(tmpdir(), 'repeated-'))
  const tables = openTables({ tempDir: folder })
  const python = values.python ?? 'python3'
  const redivided = existsSync(data) ? REDIVIDED : []
  const all: Drawn[] = [
    ...redivided.map((set): Drawn => ({ ...set, draw: drawAnew(set, tables, data) })),
    ...MADE_SETS.map((set): Drawn => ({ ...set, draw: async (seed) => drawMade(set, seed) })),
  ]
  try {
    await using references = openReferences({ python, xgboost: values.xgboost ?? python, forest: true }, folder)
    const sides = { references, ours: values.with?.split(',') ?? OURS }
    const from = Number(values.from ?? 0)
    for (const drawn of all) {
      if (positionals.length > 0 && !positionals.some((part) => drawn.name.includes(part))) continue
      const draws: Draws = new Map()
      let metrics: readonly string[] = []
      for (let seed = from; seed < from + Number(values.seeds ?? 20); seed++) {
        const rows = await drawn.draw(seed)
        metrics = metricsFor(rows.test.target)
        for (const [name, one] of await figuresOf(drawn, rows, sides))
          draws.set(name, [...(draws.get(name) ?? []), one])
      }
      const result = { set: drawn.name, draws: Number(values.seeds ?? 20), figures: summed(draws, metrics) }
      show(result)
      if (values.keep)
        await keep(
          result,
          all.map(({ name }) => name),
        )
    }
  } finally {
    await tables.close()
    await rm(folder, { recursive: true, force: true })
  }
}

await main()
