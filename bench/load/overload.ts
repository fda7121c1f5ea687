// Load by schedule: at 70 % of the measured capacity (nothing refused, p99 near p50), then at 300 % (what is still answered, how
// fast the rest is refused, memory, and how soon all is as before). Two models: of the large one the worker is the bottleneck, of
// the small one the event loop. The load comes from this process, the service is another one. Beside the small model's steady load a bare
// node:http server with a worker is given 70 % of what it can: its tail is that of the machine and of this process.
// node bench/load/overload.ts [--steady=60] [--over=15] [--models=large,small] [--short]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeResult } from '../result.ts'
import { asInImage, residentMb } from './child.ts'
import { arrive, type Events } from './serving/arrivals.ts'
import { applyTo, bytesOf } from './serving/generator.ts'
import { floatRow, LARGE, SMALL } from './serving/models.ts'

const { values } = parseArgs({
  options: {
    steady: { type: 'string', default: '60' },
    over: { type: 'string', default: '15' },
    models: { type: 'string', default: 'large,small' },
    short: { type: 'boolean', default: false },
  },
})
const STEADY_MS = (values.short ? 4 : Number(values.steady)) * 1000
const OVER_MS = (values.short ? 4 : Number(values.over)) * 1000
const AFTER_MS = 3000
/** Before the steady load is looked at: thousands of connections were opened, and the garbage collector copies what they consist of. */
const SETTLE_MS = 3000
const CAPACITY_MS = values.short ? 2000 : 5000
const CONNECTIONS = 64
const MOST_CONNECTIONS = 6000
const SHARE = { steady: 0.7, over: 3 }

const image = asInImage()
const child = fork(join(import.meta.dirname, 'serving/service.ts'), [], {
  ...image,
  env: { ...image.env, TELL_SEEN: '1' },
})
const [{ url }] = (await once(child, 'message')) as [{ url: string }]
const floor = fork(join(import.meta.dirname, 'serving/floor.ts'), [], image)
const [{ port }] = (await once(floor, 'message')) as [{ port: number }]
const floorUrl = `http://127.0.0.1:${port}`

function requestsOf(url: string, model: string, width: number): Buffer[] {
  return Array.from({ length: 97 }, (_, i) => {
    const inputs = [{ name: 'x', shape: [1, width], datatype: 'FP32', data: floatRow(i, width) }]
    return bytesOf({ url, path: `/v2/models/${model}/infer`, body: JSON.stringify({ inputs }) })
  })
}

/** When the last request that was refused, or slower than the steady load ever was, had been due after the overload. */
function recoveryMs({ atMs, ms, status }: Events, usualMs: number): number {
  return atMs.reduce((last, at, i) => (status[i] === 200 && ms[i]! <= usualMs ? last : Math.max(last, at)), 0)
}

async function steadyOf(url: string, requests: readonly Buffer[]) {
  const closed = (measureMs: number) => applyTo(url, requests, { connections: CONNECTIONS, measureMs })
  await closed(2000) // everything warm
  const capacity = (await closed(CAPACITY_MS)).good
  const rate = SHARE.steady * capacity
  const [, steady] = await arrive(url, requests, {
    stretches: [
      { rate, ms: SETTLE_MS },
      { rate, ms: STEADY_MS },
    ],
    connections: MOST_CONNECTIONS,
  })
  return { capacity, rate, steady: steady! }
}

/** The floor knows one model, the small one. */
async function measureFloor() {
  const { capacity, steady } = await steadyOf(floorUrl, requestsOf(floorUrl, 'small', SMALL[0]!))
  return {
    'capacity per second': capacity,
    'steady: p50, p99, p99.9 ms': [steady.latency.p50, steady.latency.p99, steady.latency['p99.9']],
    'steady: p99 / p50': round(steady.latency.p99 / steady.latency.p50),
    'steady: written after the schedule p50, p99 ms': [steady.late.p50, steady.late.p99],
  }
}

async function measure(model: string, width: number) {
  const requests = requestsOf(url, model, width)
  const { capacity, rate, steady } = await steadyOf(url, requests)
  const memory: number[] = []
  const tell = () => memory.push(residentMb(child))
  const [first, second, after] = await arrive(url, requests, {
    stretches: [
      { rate: SHARE.over * capacity, ms: OVER_MS / 2 },
      { rate: SHARE.over * capacity, ms: OVER_MS / 2 },
      { rate, ms: AFTER_MS },
    ],
    connections: MOST_CONNECTIONS,
    opened: tell,
    ended: tell,
  })
  const usualMs = Math.max(50, 2 * steady.latency['p99.9'])
  const goodput = second!.goodPerSecond / capacity
  return {
    'capacity per second': capacity,
    'steady: p50, p99, p99.9 ms': [steady.latency.p50, steady.latency.p99, steady.latency['p99.9']],
    'steady: p99 / p50': round(steady.latency.p99 / steady.latency.p50),
    'steady: written after the schedule p50, p99 ms': [steady.late.p50, steady.late.p99],
    'steady: refused, unsent, broken of': [steady.refused, steady.unsent, steady.broken, steady.offered],
    'overload: answered / capacity': round(goodput),
    'overload: answered, refused, unsent, broken of': [
      second!.good,
      second!.refused,
      second!.unsent,
      second!.broken,
      second!.offered,
    ],
    'overload: broken by': second!.faults,
    'overload: answered after p50, p99 ms': [second!.latency.p50, second!.latency.p99],
    'overload: refused after p50, p99 ms, from the schedule': [second!.refusal.p50, second!.refusal.p99],
    'overload: refused after p50, p99 ms, from sending': [second!.refusalOnWire.p50, second!.refusalOnWire.p99],
    'overload: written after the schedule p50, p99 ms': [second!.late.p50, second!.late.p99],
    'overload: seen by the service after writing p50, p99 ms': [second!.unseen.p50, second!.unseen.p99],
    'overload: refusal heard after being seen p50, p99 ms': [second!.refusalFromSeen.p50, second!.refusalFromSeen.p99],
    'overload: answer heard after being seen p50, p99 ms': [second!.answerFromSeen.p50, second!.answerFromSeen.p99],
    'overload: first half answered / capacity': round(first!.goodPerSecond / capacity),
    'memory MB with all connections open, half, end, after': memory.map(Math.round),
    'recovery ms': Math.round(recoveryMs(after!.events, usualMs)),
  }
}

function round(value: number): number {
  return Number(value.toPrecision(3))
}

const widths: Readonly<Record<string, number>> = { large: LARGE[0]!, small: SMALL[0]! }
const result: Record<string, unknown> = {
  what: `open loop, ${STEADY_MS / 1000} s at ${SHARE.steady}, ${OVER_MS / 1000} s at ${SHARE.over} times the capacity of ${CONNECTIONS} connections`,
}
for (const model of values.models.split(',')) {
  for (const [name, value] of Object.entries(await measure(model, widths[model]!))) result[`${model} ${name}`] = value
}
for (const [name, value] of Object.entries(await measureFloor())) result[`floor ${name}`] = value
for (const one of [child, floor]) one.disconnect()
await writeResult('load-overload', result)
