// Smaller copies of models beside the models themselves: size, processor time of a run (interleaved, one thread) and figures on held-out
// rows. Networks are trained here on public files; the files of other tools come from the same folder.
//   node bench/micro/quantize.ts [--data=DIR] [--rounds=7]
// Two minutes on a busy machine of two cores. Writes bench/results/micro-quantize.json.
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Precision } from '../../src/contract/quantization.ts'
import { asFailure } from '../../src/core/failure.ts'
import { seededRandom } from '../../src/core/random.ts'
import { columnFeeds, encodeTable, fitEncoding } from '../../src/ml/encode/index.ts'
import { ALGORITHMS } from '../../src/ml/learn/index.ts'
import { GraphBuilder } from '../../src/ml/onnx/graph.ts'
import { withPortableLocale } from '../../src/ml/onnx/locale.ts'
import { quantizeModel } from '../../src/ml/onnx/quantize/index.ts'
import { graphEngine } from '../../src/runtime/graph-engine.ts'
import { type InProcessSession, openSession } from '../../src/runtime/in-process.ts'
import type { Tensors } from '../../src/runtime/types.ts'
import { openTables } from '../../src/tables/index.ts'
import { type QualityRows, readRows } from '../quality/rows.ts'
import { SETS } from '../quality/sets.ts'
import { judge } from '../quality/train.ts'
import { spread, writeResult } from '../result.ts'

interface Subject {
  readonly name: string
  readonly file: Uint8Array
  /** Feeds of so many rows. */
  readonly feeds: (rows: number) => Tensors
  readonly figures?: (file: Uint8Array) => Promise<Readonly<Record<string, number>>>
}

const PRECISIONS: readonly Precision[] = ['int8', 'fp16']
const FIGURES = ['accuracy', 'f1_macro', 'f1', 'log_loss', 'roc_auc']

/** A network on a public file, with the figures of any file that stands for it. */
async function trained(name: string, rows: QualityRows, hyperparameters: Record<string, unknown>): Promise<Subject> {
  const { columns, train, test } = rows
  const encoding = fitEncoding(train.table, columns, ALGORITHMS.neural_network.encoding)
  const encoder = await openSession(encoding.trainingGraph().bytes)
  const run: Parameters<typeof encodeTable>[2] = async (feeds, fetches) =>
    (await encoder.run(feeds, { fetches })).outputs
  const matrix = await encodeTable(encoding, train.table, run)
  await encoder.close()
  const learning = { matrix, features: encoding.features, target: train.target, hyperparameters, engine: graphEngine }
  const model = await ALGORITHMS.neural_network.fit(learning)
  const graph = new GraphBuilder()
  model.write(graph, encoding.write(graph))
  const figures = async (file: Uint8Array) => {
    const session = await openSession(file)
    const values: number[] = []
    for (let from = 0; from < test.table.rows; from += 256) {
      const feeds = columnFeeds(test.table, encoding.inputs, from, Math.min(test.table.rows, from + 256))
      const { outputs } = await session.run(feeds, { fetches: ['probabilities'] })
      for (const value of outputs.probabilities!.data as Float32Array) values.push(value)
    }
    await session.close()
    return judge(test.target, Float64Array.from(values))
  }
  return {
    name,
    file: graph.build({ name: 'quantize' }),
    feeds: (count) => columnFeeds(test.table, encoding.inputs, 0, count),
    figures,
  }
}

/** The 21 MB perceptron of the serving benchmarks: 1,024 numbers, two hidden layers of 2,048. */
function wide(): Subject {
  const random = seededRandom(1)
  const graph = new GraphBuilder()
  let flowing = graph.input('x', 'float32', ['N', 1024])
  for (const [inputs, outputs] of [
    [1024, 2048],
    [2048, 1500],
    [1500, 10],
  ] as const) {
    const data = Float32Array.from({ length: inputs * outputs }, () => random.normal() / Math.sqrt(inputs))
    const w = graph.constant('w', { type: 'float32', dims: [inputs, outputs], data })
    flowing = graph.node('Relu', [graph.node('MatMul', [flowing, w])])
  }
  graph.output('y', flowing, 'float32', ['N', 10])
  const feeds = (rows: number): Tensors => ({
    x: { type: 'float32', dims: [rows, 1024], data: Float32Array.from({ length: rows * 1024 }, () => random.normal()) },
  })
  return { name: 'perceptron 1024-2048-1500-10', file: graph.build({ name: 'wide' }), feeds }
}

const started = performance.now()

async function compare({ name, file, feeds, figures }: Subject, rounds: number): Promise<Record<string, unknown>> {
  const whole = await openSession(file)
  const result: Record<string, unknown> = { bytes: file.length, ...(figures && { figures: few(await figures(file)) }) }
  for (const precision of PRECISIONS) {
    try {
      const small = quantizeModel(file, precision)
      const session = await openSession(small.bytes)
      const times: Record<string, unknown> = {}
      for (const rows of [1, 32]) {
        const given = feeds(rows)
        const runs = await runsOf(whole, given)
        const ratios: number[] = []
        for (let round = 0; round < rounds; round++) {
          const own = await processorTime(session, given, runs)
          ratios.push(own / (await processorTime(whole, given, runs)))
        }
        times[`time_${rows}_rows`] = spread(ratios)
      }
      await session.close()
      const { operators, weights, bytes } = small
      const measured = figures ? { figures: few(await figures(bytes)) } : {}
      result[precision] = {
        operators,
        weights,
        size: Number((bytes.length / file.length).toFixed(3)),
        ...times,
        ...measured,
      }
    } catch (error) {
      result[precision] = asFailure(error).message
    }
  }
  await whole.close()
  process.stdout.write(`${name} (${Math.round((performance.now() - started) / 1000)} s): ${JSON.stringify(result)}\n`)
  return result
}

/** Milliseconds of processor time: others use this machine too. */
async function processorTime(session: InProcessSession, feeds: Tensors, runs: number): Promise<number> {
  const start = process.cpuUsage()
  for (let run = 0; run < runs; run++) await session.run(feeds)
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

/** So many that one measurement takes some 20 ms. */
async function runsOf(session: InProcessSession, feeds: Tensors): Promise<number> {
  await processorTime(session, feeds, 3)
  return Math.max(3, Math.ceil(100 / Math.max(0.01, await processorTime(session, feeds, 5))))
}

function few(metrics: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    FIGURES.flatMap((name) => (metrics[name] === undefined ? [] : [[name, Number(metrics[name].toFixed(4))]])),
  )
}

/** Files of other tools; their inputs are made up. */
async function imported(folder: string, name: string): Promise<Subject> {
  const stored = await readFile(join(folder, 'onnx', name, 'model.onnx'))
  const file = withPortableLocale(stored) ?? stored
  const session = await openSession(file)
  const { inputs } = session.info
  await session.close()
  const feeds = (rows: number): Tensors =>
    Object.fromEntries(
      inputs.map(({ name, type, dims: declared }) => {
        const dims = declared.map((dim, i) => dim ?? (i === 0 ? rows : 1))
        const length = dims.reduce((product, dim) => product * dim, 1)
        const text = Array.from({ length }, (_, i) => `the space shuttle ${i} orbits a hockey team`)
        if (type === 'string') return [name, { type, dims, data: text }]
        return [name, { type: 'float32', dims, data: Float32Array.from({ length }, (_, i) => Math.sin(i)) }]
      }),
    )
  return { name, file, feeds }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: 'string' }, rounds: { type: 'string', default: '7' } } })
  const data = values.data ?? join(import.meta.dirname, '../../../shared/data')
  const rounds = Number(values.rounds)
  const results: Record<string, unknown> = { wide: await compare(wide(), rounds) }
  if (existsSync(data)) {
    const folder = await mkdtemp(join(tmpdir(), 'quantize-'))
    const tables = openTables({ tempDir: folder })
    for (const [name, settings] of [
      ['adult', { hidden_layers: [256, 256], epochs: 10 }],
      ['clinc150, intents', { hidden_layers: [128], epochs: 5 }],
    ] as const) {
      const rows = await readRows(SETS.find((set) => set.name === name)!, tables, data)
      results[name] = await compare(await trained(name, rows, settings), rounds)
    }
    for (const name of ['skdoc-pipeline-tfidf', 'ortgo-example-network', 'onnx-light-vgg19', 'skdoc-rf-iris']) {
      results[name] = await imported(data, name).then(
        (subject) => compare(subject, rounds),
        (error: unknown) => asFailure(error).message,
      )
    }
    await tables.close()
    await rm(folder, { recursive: true, force: true })
  }
  await writeResult('micro-quantize', results)
}

await main()
