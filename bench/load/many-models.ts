// Two thousand small models in a repository with 512 MB for those that are loaded: how fast a warm one answers while 200 are asked
// at once, beside a service that has only ten; in turns in one run: as fast as 16 connections get their answers, where ten models, whose rows run
// together, are asked twice as much, and by a schedule, the same for both. Then every model once: each must come in by itself.
// node bench/load/many-models.ts [--models=2000] [--active=200] [--rounds=5] [--ms=3000] [--rate=2000]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { spread, writeResult } from '../result.ts'
import { asInImage, residentMb } from './child.ts'
import { arrive } from './serving/arrivals.ts'
import { applyTo, bytesOf, type Outcome } from './serving/generator.ts'
import { floatRow, perceptron, SMALL } from './serving/models.ts'

const { values } = parseArgs({
  options: {
    models: { type: 'string', default: '2000' },
    active: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '5' },
    ms: { type: 'string', default: '3000' },
    rate: { type: 'string', default: '2000' },
  },
})
const MODELS = Number(values.models)
const ACTIVE = Number(values.active)
const FEW = 10
const BUDGET_MB = 512
const CONNECTIONS = 16

const folder = await mkdtemp(join(tmpdir(), 'modelyard-many-'))

async function start(count: number) {
  const repository = join(folder, String(count))
  for (let i = 0; i < count; i++) {
    const versions = join(repository, 'models', `m${i}`, 'versions/1.0.0')
    await mkdir(versions, { recursive: true })
    await writeFile(join(versions, 'model.onnx'), perceptron(SMALL, i + 1))
    await writeFile(join(repository, 'models', `m${i}`, 'CURRENT'), '1.0.0')
  }
  const overrides = { repository, dataDir: join(folder, `data${count}`), mlWorkers: 1, modelMemoryMb: BUDGET_MB }
  const file = join(import.meta.dirname, 'serving/repository.ts')
  const child = fork(file, [JSON.stringify(overrides)], asInImage())
  const [{ url, startMs }] = (await once(child, 'message')) as [{ url: string; startMs: number }]
  return { child, url, startMs }
}

type Service = Awaited<ReturnType<typeof start>>
const few = await start(FEW)
const many = await start(MODELS)

const body = (i: number) =>
  JSON.stringify({ inputs: [{ name: 'x', shape: [1, 16], datatype: 'FP32', data: floatRow(i, 16) }] })
const requestTo = ({ url }: Service, model: number) =>
  bytesOf({ url, path: `/v2/models/m${model}/infer`, body: body(model) })

function ask(service: Service, models: readonly number[]): Promise<Outcome> {
  const requests = models.map((model) => requestTo(service, model))
  return applyTo(service.url, requests, { connections: CONNECTIONS, measureMs: Number(values.ms) })
}

async function askBySchedule(service: Service, models: readonly number[]) {
  const requests = models.map((model) => requestTo(service, model))
  const stretches = [{ rate: Number(values.rate), ms: Number(values.ms) }]
  const [stretch] = await arrive(service.url, requests, { stretches, connections: 4 * CONNECTIONS })
  const { latency, good, offered } = stretch!
  if (good < offered) throw new Error(`${offered - good} of ${offered} were not answered`)
  return latency
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)
const series: Record<string, number[]> = {}
const note = (name: string, value: number) => {
  series[name] ??= []
  series[name].push(value)
}
for (let round = -1; round < Number(values.rounds); round++) {
  const alone = await ask(few, upTo(FEW))
  const crowd = await ask(many, upTo(ACTIVE))
  if (alone.broken + alone.refused + crowd.broken + crowd.refused > 0) {
    throw new Error(`not all were answered: ${JSON.stringify({ alone, crowd })}`)
  }
  if (round < 0) continue // loads what it asks for
  for (const [name, { good, latency }] of Object.entries({
    [`${FEW} models`]: alone,
    [`${ACTIVE} of ${MODELS}`]: crowd,
  })) {
    note(`${name} per second`, good)
    note(`${name} p50 ms`, latency.p50)
    note(`${name} p99 ms`, latency.p99)
  }
  note('p99 among many / among few', crowd.latency.p99 / alone.latency.p99)
  note('p50 among many / among few', crowd.latency.p50 / alone.latency.p50)
  const scheduled = { few: await askBySchedule(few, upTo(FEW)), many: await askBySchedule(many, upTo(ACTIVE)) }
  note(`${FEW} models, by schedule, p99 ms`, scheduled.few.p99)
  note(`${ACTIVE} of ${MODELS}, by schedule, p99 ms`, scheduled.many.p99)
  note('p99 among many / among few, by schedule', scheduled.many.p99 / scheduled.few.p99)
  note('p50 among many / among few, by schedule', scheduled.many.p50 / scheduled.few.p50)
}

const before = residentMb(many.child)
let failed = 0
const sweepStarted = performance.now()
const loadMs: number[] = []
for (const model of upTo(MODELS)) {
  const started = performance.now()
  const reply = await fetch(`${many.url}/v2/models/m${model}/infer`, { method: 'POST', body: body(model) })
  await reply.text()
  if (reply.status !== 200) failed++
  loadMs.push(performance.now() - started)
}
const after = residentMb(many.child)
const sorted = loadMs.toSorted((a, b) => a - b)

for (const { child } of [few, many]) child.disconnect()
await rm(folder, { recursive: true })
await writeResult('load-many-models', {
  what: `${MODELS} models, ${ACTIVE} asked in turn by ${CONNECTIONS} connections, ${BUDGET_MB} MB for loaded ones; beside a service with ${FEW}; by schedule ${values.rate} a second`,
  'start ms, few and many': [Math.round(few.startMs), Math.round(many.startMs)],
  ...Object.fromEntries(Object.entries(series).map(([name, list]) => [name, spread(list)])),
  'each once: failed': failed,
  'each once: seconds': Number(((performance.now() - sweepStarted) / 1000).toFixed(1)),
  'each once: p50, p99 ms': [sorted[sorted.length >> 1], sorted[Math.floor(sorted.length * 0.99)]],
  'memory MB before and after each was asked once': [Math.round(before), Math.round(after)],
})
