// Match scoring, recommendations (100,000 destinations), send-time and reads of features, everything on, features in Redis, at 50
// connections; service, Redis and load each in a process of their own:
//   node bench/load/travel.ts [--rounds=3] [--ms=3000] [--destinations=100000] [--rate=200]
// Needs redis-server. Closed loop (50 requests always under way: what the process can do) and open loop (so many a second come in,
// whether or not others were answered: what a caller waits). On a busy machine only the processor time a request tells.
// Writes bench/results/load-travel.json; ends with 1 where a target is missed in the open loop.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { spread, writeResult } from '../result.ts'
import { applyTo, bytesOf } from './serving/generator.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    ms: { type: 'string', default: '3000' },
    destinations: { type: 'string', default: '100000' },
    rate: { type: 'string', default: '200' },
  },
})
const CONNECTIONS = 50
const USERS = 500
const user = (i: number) => `user${i % USERS}`

interface Case {
  readonly path: string
  readonly body: (i: number) => unknown
  /** Milliseconds of the open loop. */
  readonly target: { readonly share: 'p95' | 'p99'; readonly ms: number }
}

const CASES: Readonly<Record<string, Case>> = {
  match: {
    path: '/match/score',
    body: (i) => ({
      user_a_id: user(i),
      user_b_id: user(i * 7 + 1),
      context: { destination: `place${i % 100}`, interests: ['art'] },
    }),
    target: { share: 'p95', ms: 5 },
  },
  recommend: {
    path: '/recommend/destinations',
    body: (i) => ({ user_id: user(i) }),
    target: { share: 'p95', ms: 10 },
  },
  notify: {
    path: '/notifications/optimize',
    body: (i) => ({ user_id: user(i), notification_type: 'reminder', urgency: 'low' }),
    target: { share: 'p95', ms: 3 },
  },
  features: {
    path: '/api/v1/ml/features/user/batch',
    body: (i) => ({ entity_ids: [user(i), user(i + 1)] }),
    target: { share: 'p99', ms: 2 },
  },
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

/** Seconds of processor time, of all threads, since its start. */
function cpuOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

const port = await freePort()
const redis = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], { stdio: 'ignore' })
await sleep(500)
const args = [`redis://127.0.0.1:${port}`, values.destinations]
const service = fork(join(import.meta.dirname, 'travel/service.ts'), args, { execArgv: [] })
const [{ url }] = (await Promise.race([
  once(service, 'message'),
  once(service, 'exit').then(([code]) => Promise.reject(new Error(`the service ended with ${code}`))),
])) as [{ url: string }]

const series: Record<string, number[]> = {}
const note = (name: string, value: number) => {
  series[name] = [...(series[name] ?? []), value]
}

async function measure(name: string, { path, body, target }: Case, round: number): Promise<void> {
  const requests = Array.from({ length: 997 }, (_, i) => bytesOf({ url, path, body: JSON.stringify(body(i)) }))
  const load = { connections: CONNECTIONS, measureMs: Number(values.ms) }
  const before = cpuOf(service)
  const closed = await applyTo(url, requests, load)
  const cpuMs = ((cpuOf(service) - before) * 1000) / closed.requests
  const open = await applyTo(url, requests, { ...load, rate: Number(values.rate) })
  for (const outcome of [closed, open]) {
    if (outcome.broken + outcome.refused > 0) throw new Error(`${name}: ${JSON.stringify(outcome)}`)
  }
  if (round < 0) return
  note(`${name} closed per second`, closed.good)
  note(`${name} closed processor ms`, cpuMs)
  for (const share of ['p50', 'p95', 'p99'] as const) {
    note(`${name} closed ${share} ms`, closed.latency[share])
    note(`${name} open ${share} ms`, open.latency[share])
  }
  note(`${name} open ${target.share} / target`, open.latency[target.share] / target.ms)
}

try {
  for (let round = -1; round < Number(values.rounds); round++) {
    for (const [name, one] of Object.entries(CASES)) await measure(name, one, round)
  }
} finally {
  service.disconnect()
  redis.kill()
}
await writeResult('load-travel', {
  what: `${CONNECTIONS} connections, ${values.destinations} destinations, open loop at ${values.rate} a second`,
  targets: Object.fromEntries(Object.entries(CASES).map(([name, { target }]) => [name, target])),
  rounds: Number(values.rounds),
  ...Object.fromEntries(Object.entries(series).map(([name, list]) => [name, spread(list)])),
})
if (
  Object.keys(CASES).some((name) =>
    Object.entries(series).some(
      ([key, list]) => key.startsWith(name) && key.endsWith('target') && spread(list).median > 1,
    ),
  )
) {
  process.exitCode = 1
}
