// The default gradient_boosting and the automatic choice beside LightGBM, XGBoost, scikit-learn's HistGradientBoosting and
// a linear model, each with the settings it comes with, on the same rows:
//   node bench/quality/trees.ts --python=peer/bin/python --xgboost=/usr/bin/python3 [--data=DIR] [--folds=5] [name…]
// --folds judges parts of the training rows instead of the held-out rows: for finding causes without looking at those.
// Puts each set that was judged in its place in bench/results/quality-trees.json; ends with 1 when a figure is further below
// the best reference than allowed. The time for the choice is counted in processor time, so a busy machine changes nothing.
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { selectTarget } from '../../src/domain/training/pipeline/target.ts'
import { USUAL_ROUNDS } from '../../src/ml/learn/index.ts'
import { foldsGrouped, foldsShuffled, foldsStratified } from '../../src/ml/split/index.ts'
import { selectRows } from '../../src/ml/table.ts'
import { openTables } from '../../src/tables/index.ts'
import { type Automatic, chooseAutomatically } from './automatic.ts'
import { ALL_SETS } from './more-sets.ts'
import { openReferences, type References } from './references.ts'
import { type QualityRows, readRows } from './rows.ts'
import type { QualitySet } from './sets.ts'
import { judge, trainAndJudge } from './train.ts'
import { type Figures, metricsOf, type SetResult, summary, verdictOf } from './verdict.ts'

interface Task {
  readonly set: QualitySet
  readonly rows: QualityRows
  readonly references: References
  readonly automatic: boolean
}

async function judgeSet({ set, rows, references, automatic }: Task): Promise<SetResult> {
  const engines: Record<string, Figures> = {}
  const kept = (metrics: Figures) => {
    const names = metricsOf(rows.test.target)
    return Object.fromEntries(names.map((name) => [name, Number(metrics[name]!.toFixed(4))]))
  }
  for (const [name, said] of await references.ask(rows, set.kind)) engines[name] = kept(judge(rows.test.target, said))
  if (set.kind === 'table') {
    engines.gradient_boosting = kept((await trainAndJudge(rows, defaultBoosting(set))).metrics)
  }
  let choice: Automatic | undefined
  if (automatic) {
    choice = await chooseAutomatically(set, rows)
    engines.automatic = kept((await trainAndJudge(rows, choice.chosen)).metrics)
  }
  const [trained, tested] = [rows.train.table.rows, rows.test.table.rows]
  return {
    set: set.name,
    rows: [trained, tested],
    engines,
    ...(choice && { choice: { ...choice, chosen: choice.chosen.algorithm } }),
    verdict: verdictOf(engines),
  }
}

/** Where rows belong together, the pipeline leaves no rounds to be found by inner folds. */
function defaultBoosting({ groups }: QualitySet): Parameters<typeof trainAndJudge>[1] {
  return { algorithm: 'gradient_boosting', hyperparameters: groups === undefined ? {} : { n_estimators: USUAL_ROUNDS } }
}

/** Parts of the training rows, each predicted from the others; the figures are means over the parts. */
async function judgeFolds(task: Task, folds: number): Promise<SetResult> {
  const { columns, train } = task.rows
  const results: SetResult[] = []
  for (const fold of foldsOf(task, folds)) {
    const side = (rows: Uint32Array) => ({
      table: selectRows(train.table, rows),
      target: selectTarget(train.target, rows),
    })
    results.push(await judgeSet({ ...task, rows: { columns, train: side(fold.train), test: side(fold.test) } }))
  }
  const engines = Object.fromEntries(
    Object.entries(results[0]!.engines).map(([engine, figures]) => [
      engine,
      Object.fromEntries(
        Object.keys(figures).map((name) => {
          const sum = results.reduce((total, result) => total + result.engines[engine]![name]!, 0)
          return [name, Number((sum / results.length).toFixed(4))]
        }),
      ),
    ]),
  )
  return { ...results[0]!, engines, verdict: verdictOf(engines) }
}

function foldsOf({ set, rows }: Task, folds: number) {
  const { table, target } = rows.train
  const groups = set.groups === undefined ? undefined : table.columns.get(set.groups)
  if (groups?.form === 'number') return foldsGrouped(Int32Array.from(groups.values), { folds, seed: 1 })
  if (target.task === 'regression') return foldsShuffled(table.rows, { folds, seed: 1 })
  return foldsStratified(target.labels, { folds, seed: 1 })
}

function show({ set, engines, choice, verdict }: SetResult): void {
  const columns = Object.entries(engines).map(([name, figures]) => `${name} ${Object.values(figures).join('/')}`)
  process.stdout.write(`${set}\n    ${columns.join('  ')}\n`)
  if (choice)
    process.stdout.write(`    chose ${choice.chosen} in ${choice.seconds} s: ${JSON.stringify(choice.compared)}\n`)
  for (const { of, metric, gain, ok } of verdict) {
    process.stdout.write(`  ${ok ? ' ' : '!'} ${of} ${metric} ${gain >= 0 ? '+' : ''}${gain}\n`)
  }
}

const RESULTS = join(import.meta.dirname, '../results/quality-trees.json')

async function keep(result: SetResult): Promise<void> {
  const known = existsSync(RESULTS) ? (JSON.parse(await readFile(RESULTS, 'utf8')) as { sets: SetResult[] }).sets : []
  const all = new Map([...known, result].map((one) => [one.set, one]))
  const sets = ALL_SETS.flatMap(({ name }) => all.get(name) ?? []).map((one) => ({
    ...one,
    verdict: verdictOf(one.engines),
  }))
  await writeFile(RESULTS, `${JSON.stringify({ ...summary(sets), sets }, null, 2)}\n`)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      data: { type: 'string' },
      python: { type: 'string' },
      xgboost: { type: 'string' },
      folds: { type: 'string' },
      choice: { type: 'boolean', default: true },
    },
    allowPositionals: true,
    allowNegative: true,
  })
  const data = values.data ?? join(import.meta.dirname, '../../../shared/data')
  if (!existsSync(data)) {
    process.stdout.write(`skipped: ${data} is absent; name the folder of the public files with --data=DIR\n`)
    return
  }
  const folder = await mkdtemp(join(tmpdir(), 'trees-'))
  const tables = openTables({ tempDir: folder })
  const results: SetResult[] = []
  try {
    const python = values.python ?? 'python3'
    await using references = openReferences({ python, xgboost: values.xgboost ?? python }, folder)
    for (const set of ALL_SETS) {
      if (positionals.length > 0 && !positionals.some((part) => set.name.includes(part))) continue
      const task = { set, rows: await readRows(set, tables, data), references, automatic: values.choice }
      const result = values.folds === undefined ? await judgeSet(task) : await judgeFolds(task, Number(values.folds))
      results.push(result)
      show(result)
      if (values.folds === undefined) await keep(result)
    }
  } finally {
    await tables.close()
    await rm(folder, { recursive: true, force: true })
  }
  process.stdout.write(`${JSON.stringify(summary(results))}\n`)
  if (results.some(({ verdict }) => verdict.some(({ ok }) => !ok))) process.exitCode = 1
}

await main()
