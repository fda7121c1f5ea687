// What must not be felt: 100 deployments while 64 connections ask without a pause (requests that failed, answers that were not of
// the version they name), and 1,000 times out of memory and back (the memory of the process, before and after).
// node bench/load/swaps.ts [swaps] [loads]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createClient } from '../../src/client.ts'
import { spread, writeResult } from '../result.ts'
import { residentMb } from './child.ts'
import { applyTo, bytesOf } from './serving/generator.ts'
import { floatRow, perceptron, SMALL } from './serving/models.ts'

const SWAPS = Number(process.argv[2] ?? 100)
const LOADS = Number(process.argv[3] ?? 1000)
const CONNECTIONS = 64
/** The engine makes its arenas in the first ones. */
const SETTLED = 0.1

const child = fork(join(import.meta.dirname, 'serving/service.ts'), [], { execArgv: [] })
const [{ url }] = (await once(child, 'message')) as [{ url: string }]
const client = createClient({ baseUrl: url })
const other = await client.versions.import({ model_id: 'small', file: perceptron(SMALL, 2), version: '2.0.0' })

const inputs = [{ name: 'x', shape: [1, 16], datatype: 'FP32', data: floatRow(1, 16) }]
const path = '/v2/models/small/infer'
const request = bytesOf({ url, path, body: JSON.stringify({ inputs }) })

/** Rounded: rows run together may differ from lone ones in the last bits. */
const answers = new Map<string, Set<string>>()
function see(body: string): void {
  const { model_version, outputs } = JSON.parse(body)
  const known = answers.get(model_version) ?? new Set()
  answers.set(model_version, known.add(outputs[0].data[0].toFixed(3)))
}

const swapMs: number[] = []
let stop = false
const asking = (async () => {
  const totals = { answered: 0, refused: 0, broken: 0 }
  while (!stop) {
    const { good, refused, broken } = await applyTo(url, [request], { connections: CONNECTIONS, measureMs: 500, see })
    totals.answered += Math.round(good / 2)
    totals.refused += refused
    totals.broken += broken
  }
  return totals
})()
for (let i = 0; i < SWAPS; i++) {
  const started = performance.now()
  await client.models.deploy({ model_id: 'small', version: i % 2 === 0 ? other.version : '1.0.0' })
  swapMs.push(performance.now() - started)
}
stop = true
const totals = await asking

const call = async (what: 'load' | 'unload') => {
  const reply = await fetch(`${url}/v2/repository/models/small/${what}`, { method: 'POST' })
  if (!reply.ok) throw new Error(`${what}: ${reply.status}`)
  await reply.text()
}
const memory: number[] = []
for (let i = 0; i < LOADS; i++) {
  await call('unload')
  await call('load')
  memory.push(residentMb(child))
}
const settled = memory.slice(Math.floor(LOADS * SETTLED))
child.disconnect()
await writeResult('load-swaps', {
  what: `${SWAPS} deployments under ${CONNECTIONS} connections; ${LOADS} times out of memory and back`,
  ...totals,
  'versions that answered': answers.size,
  'answers not of their version': [...answers.values()].reduce((sum, values) => sum + values.size - 1, 0),
  'deployment ms': spread(swapMs),
  'memory MB': spread(settled),
  'memory of the last tenth / the second tenth': Number(
    (mean(memory.slice(-LOADS / 10)) / mean(settled.slice(0, LOADS / 10))).toFixed(3),
  ),
})

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
