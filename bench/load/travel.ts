// Match scoring, recommendations (100,000 destinations), send-time and reads of features, everything on, features in Redis, at 50
// connections; service, Redis and load (one process of raw sockets kept open) each in a process of their own:
//   node bench/load/travel.ts [--rounds=3] [--ms=3000] [--destinations=100000] [--rate=200]
// Needs redis-server. Open loop (so many a second come in, whether or not others were answered: what a caller waits, and what the targets
// are of), then closed loop (50 requests always under way: what the process can do). Beside them the floor: bare node:http and one Redis
// command, in the same rounds, since a write to a socket alone takes a fifth of a millisecond on some machines. All share the same cores;
// the load's own share of one is noted. Answers by the prior in the place of the model end the run.
// Writes bench/results/load-travel.json; ends with 1 where a target is missed in the open loop.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { spread, writeResult } from '../result.ts'
import { cpuOf, told } from './child.ts'
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
  /** Milliseconds of the open loop; none for the floor. */
  readonly target?: { readonly share: 'p95' | 'p99'; readonly ms: number }
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
  floor: { path: '/', body: (i) => ({ user_id: user(i) }) },
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

const port = await freePort()
const redis = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], { stdio: 'ignore' })
await sleep(500)
const redisUrl = `redis://127.0.0.1:${port}`
const [service, url] = await begin('service', [redisUrl, values.destinations])
const [floor, floorUrl] = await begin('floor', [redisUrl])

async function begin(name: string, args: readonly string[]): Promise<[ChildProcess, string]> {
  const child = fork(join(import.meta.dirname, `travel/${name}.ts`), args, { execArgv: [] })
  const { url } = await told<{ url: string }>(child)
  return [child, url]
}

const series: Record<string, number[]> = {}
const note = (name: string, value: number) => {
  series[name] = [...(series[name] ?? []), value]
}

async function measure(name: string, { path, body, target }: Case, round: number): Promise<void> {
  const [child, at] = name === 'floor' ? [floor, floorUrl] : [service, url]
  const requests = Array.from({ length: 997 }, (_, i) => bytesOf({ url: at, path, body: JSON.stringify(body(i)) }))
  const load = { connections: CONNECTIONS, measureMs: Number(values.ms) }
  await applyTo(at, requests, { ...load, measureMs: 1000, rate: 2 * Number(values.rate) })
  const own = process.cpuUsage()
  const openBefore = cpuOf(child)
  const open = await applyTo(at, requests, { ...load, rate: Number(values.rate) })
  const openCpuMs = (cpuOf(child) - openBefore) / 1000 / open.requests
  const { user: inUser, system } = process.cpuUsage(own)
  const before = cpuOf(child)
  const closed = await applyTo(at, requests, load)
  const cpuMs = (cpuOf(child) - before) / 1000 / closed.requests
  for (const outcome of [closed, open]) {
    if (outcome.broken + outcome.refused > 0) throw new Error(`${name}: ${JSON.stringify(outcome)}`)
  }
  if (round < 0) return
  note(`${name} closed per second`, closed.good)
  note(`${name} closed processor ms`, cpuMs)
  note(`${name} open processor ms`, openCpuMs)
  note('load, share of one core in the open loop', (inUser + system) / 1000 / load.measureMs)
  for (const share of ['p50', 'p95', 'p99'] as const) {
    note(`${name} closed ${share} ms`, closed.latency[share])
    note(`${name} open ${share} ms`, open.latency[share])
  }
  if (target) note(`${name} open ${target.share} / target`, open.latency[target.share] / target.ms)
}

/** Answers that a formula gave in the place of a model that could not be asked. */
async function byPrior(): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter((line) => /^ml_inference_requests_total\{.*version="prior"/.test(line))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

try {
  const before = await byPrior()
  for (let round = -1; round < Number(values.rounds); round++) {
    for (const [name, one] of Object.entries(CASES)) await measure(name, one, round)
  }
  note('answers by the prior', (await byPrior()) - before)
} finally {
  service.disconnect()
  floor.disconnect()
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
