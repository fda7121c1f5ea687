// What a lone call of a small model costs on the event loop and in a worker: the same file loaded twice, once trusted (run
// inline once proven) and once not, called one at a time in alternating blocks. Prints milliseconds p50 and their ratio.
import { silentLog } from '../../src/core/log.ts'
import { type LoadedModel, openRuntime, type Tensors } from '../../src/runtime/index.ts'
import { perceptron } from '../load/serving/models.ts'
import { spread, writeResult } from '../result.ts'

const ROUNDS = 15
const CALLS = 400

const runtime = openRuntime({ workers: 1, maxQueue: 1000, enableGpu: false, log: silentLog })
const bytes = perceptron([16, 64, 64, 1])
const inline = await runtime.load({ key: 'inline', bytes, trusted: true })
const worker = await runtime.load({ key: 'worker', bytes })
const feeds: Tensors = { x: { type: 'float32', dims: [1, 16], data: new Float32Array(16).fill(0.5) } }

async function block(model: LoadedModel): Promise<number> {
  const times = new Float64Array(CALLS)
  for (let i = 0; i < CALLS; i++) {
    const started = performance.now()
    await model.run(feeds)
    times[i] = performance.now() - started
  }
  return times.sort()[CALLS >> 1]!
}

for (const model of [inline, worker, inline, worker]) await block(model)
const series = { inline: [] as number[], worker: [] as number[] }
for (let round = 0; round < ROUNDS; round++) {
  series.inline.push(await block(inline))
  series.worker.push(await block(worker))
}
await writeResult('micro-inline', {
  what: `p50 milliseconds of ${CALLS} lone calls a block, 16-64-64-1 perceptron, blocks in turns`,
  'on the event loop': spread(series.inline),
  'in a worker': spread(series.worker),
  'event loop / worker': spread(series.inline.map((value, i) => value / series.worker[i]!)),
})
await runtime.close()
