// Predictions under load, everything on, beside a bare node:http server with a worker (the floor) and FastAPI + onnxruntime (the
// peer), in turns in one run; the load comes from this process. On a busy machine only the processor time a request tells.
// node bench/load/serving.ts [--python=peer/bin/python] [--rounds=5] [--ms=3000]
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { openSession } from '../../src/runtime/in-process.ts'
import { spread, writeResult } from '../result.ts'
import { cpuOf, told } from './child.ts'
import { applyTo, bytesOf, type Goal, type Outcome } from './serving/generator.ts'
import { floatRow, namedRow, perceptron, SMALL } from './serving/models.ts'

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    ms: { type: 'string', default: '3000' },
  },
})
const ROUNDS = Number(values.rounds)
const MEASURE_MS = Number(values.ms)
const CONNECTIONS = 64
const folder = await mkdtemp(join(tmpdir(), 'modelyard-load-'))

interface Subject {
  readonly name: 'service' | 'floor' | 'peer'
  readonly url: string
  readonly child: ChildProcess
}

const forked = (file: string) => fork(join(import.meta.dirname, 'serving', file), [], { execArgv: [] })

const subjects: Subject[] = []
const service = forked('service.ts')
const { url, named } = await told<{ url: string; named: string }>(service)
subjects.push({ name: 'service', url, child: service })
const bare = forked('floor.ts')
subjects.push({ name: 'floor', url: `http://127.0.0.1:${(await told<{ port: number }>(bare)).port}`, child: bare })
let loop = 'no peer'
if (values.python !== undefined) {
  const small = join(folder, 'small.onnx')
  await writeFile(small, perceptron(SMALL))
  const script = join(import.meta.dirname, 'serving/peer.py')
  const child = spawn(values.python, ['-W', 'ignore', script, small, named], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const port = (await lines.next()).value as string
  loop = (await lines.next()).value as string
  subjects.push({ name: 'peer', url: `http://127.0.0.1:${port}`, child })
}

const v2 = (i: number) =>
  JSON.stringify({ inputs: [{ name: 'x', shape: [1, 16], datatype: 'FP32', data: floatRow(i, 16) }] })
const CASES = {
  v2: { path: '/v2/models/small/infer', body: v2, connections: CONNECTIONS, of: ['service', 'floor', 'peer'] },
  v2_alone: { path: '/v2/models/small/infer', body: v2, connections: 1, of: ['service', 'floor', 'peer'] },
  named: {
    path: '/predict/named',
    body: (i: number) => JSON.stringify({ input_data: namedRow(i) }),
    connections: CONNECTIONS,
    of: ['service', 'peer'],
  },
} as const

async function measure(subject: Subject, { path, body, connections }: (typeof CASES)[keyof typeof CASES]) {
  const requests = Array.from({ length: 97 }, (_, i) => bytesOf({ url: subject.url, path, body: body(i) } as Goal))
  const before = cpuOf(subject.child)
  const outcome = await applyTo(subject.url, requests, { connections, measureMs: MEASURE_MS })
  if (outcome.broken + outcome.refused > 0) throw new Error(`${subject.name} ${path}: ${JSON.stringify(outcome)}`)
  return { ...outcome, cpuUs: (cpuOf(subject.child) - before) / outcome.requests }
}

const series: Record<string, number[]> = {}
function note(name: string, value: number): void {
  series[name] ??= []
  series[name].push(value)
}

/** p50 of the same graph run here, with nothing around it. */
async function bareRun(): Promise<number> {
  const session = await openSession(perceptron(SMALL))
  const feeds = { x: { type: 'float32', dims: [1, 16], data: Float32Array.from(floatRow(1, 16)) } } as const
  const times = new Float64Array(3000)
  for (let i = 0; i < times.length; i++) {
    const started = performance.now()
    await session.run(feeds)
    times[i] = performance.now() - started
  }
  await session.close()
  return times.sort()[times.length >> 1]!
}

for (let round = -1; round < ROUNDS; round++) {
  const runMs = await bareRun()
  for (const [name, one] of Object.entries(CASES)) {
    const found: Partial<Record<Subject['name'], Outcome & { cpuUs: number }>> = {}
    for (const subject of subjects) {
      if (!(one.of as readonly string[]).includes(subject.name)) continue
      found[subject.name] = await measure(subject, one)
    }
    if (round < 0) continue // the first round warms everything up
    const { service, floor, peer } = found
    for (const [who, { good, cpuUs, latency }] of Object.entries(found)) {
      note(`${name} ${who} per second`, good)
      note(`${name} ${who} processor us`, cpuUs)
      note(`${name} ${who} p50 ms`, latency.p50)
      note(`${name} ${who} p99 ms`, latency.p99)
    }
    if (floor) note(`${name} rate / floor`, service!.good / floor.good)
    if (floor) note(`${name} processor time / floor`, service!.cpuUs / floor.cpuUs)
    if (peer) note(`${name} rate / peer`, service!.good / peer.good)
    if (peer) note(`${name} processor time / peer`, service!.cpuUs / peer.cpuUs)
    if (name === 'v2_alone') note('v2_alone p50 over bare session.run, ms', service!.latency.p50 - runMs)
  }
  if (round >= 0) note('bare session.run p50 ms', runMs)
}
for (const { child } of subjects) child.connected ? child.disconnect() : child.kill()
await rm(folder, { recursive: true })
await writeResult('load-serving', {
  what: `${CONNECTIONS} connections unless alone, ${MEASURE_MS} ms a block, blocks in turns, load from a process of its own`,
  'loop of the peer': loop,
  rounds: ROUNDS,
  ...Object.fromEntries(Object.entries(series).map(([name, list]) => [name, spread(list)])),
})
