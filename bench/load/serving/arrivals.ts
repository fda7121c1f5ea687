// Open-loop load: requests begin by a schedule, whether or not earlier ones are answered, and latency counts from the scheduled
// moment, so that a service that stalls does not also stop the clock (no coordinated omission). When no connection is free
// a new one is opened; beyond the limit requests wait here, which counts too.
import { percentiles } from '../../../src/cli/bench/load.ts'
import { type Answered, Connection } from './generator.ts'

export interface Stretch {
  /** Requests a second. */
  readonly rate: number
  readonly ms: number
}

export interface Stretched {
  readonly offered: number
  /** Answered well within the stretch, whenever they were due; a second. */
  readonly goodPerSecond: number
  readonly good: number
  readonly refused: number
  readonly broken: number
  /** Milliseconds from the scheduled moment. */
  readonly latency: ReturnType<typeof percentiles>
  readonly refusal: ReturnType<typeof percentiles>
  /** Milliseconds from the moment the request was written, without what the generator itself was late. */
  readonly refusalOnWire: ReturnType<typeof percentiles>
  /** Scheduled moment within the stretch, and how it went, in the order of the answers. */
  readonly events: readonly Event[]
}

interface Event {
  readonly atMs: number
  readonly ms: number
  readonly wireMs: number
  readonly status: number
}

export interface Schedule {
  readonly stretches: readonly Stretch[]
  readonly connections: number
  /** Called when the last request of a stretch has begun. */
  readonly ended?: (stretch: number) => void
}

export async function arrive(url: string, requests: readonly Buffer[], schedule: Schedule): Promise<Stretched[]> {
  const { stretches, connections, ended } = schedule
  // As many as a second of the heaviest stretch may need, so that opening them is no part of what is measured.
  const ready = Math.min(connections, Math.ceil(Math.max(...stretches.map(({ rate }) => rate))))
  const free: Connection[] = []
  while (free.length < ready) {
    const some = Math.min(100, ready - free.length)
    free.push(...(await Promise.all(Array.from({ length: some }, () => Connection.open(url)))))
  }
  const all = [...free]
  const waiting: ((one: Connection) => void)[] = []
  const found = stretches.map((): Event[] => [])
  const goodAt: number[] = []
  const startedAts: number[] = []
  let open = 0
  let opening = 0
  let sent = 0
  const give = (one: Connection) => {
    const next = waiting.shift()
    if (next) next(one)
    else free.push(one)
  }
  const grow = () => {
    if (all.length + opening >= connections) return
    opening++
    Connection.open(url).then(
      (one) => {
        opening--
        all.push(one)
        give(one)
      },
      () => opening--,
    )
  }
  const begin = (stretch: number, startedAt: number, dueAt: number) => {
    open++
    const go = (one: Connection) => {
      const wroteAt = performance.now()
      one.send(requests[sent++ % requests.length]!, ({ status }: Answered) => {
        const now = performance.now()
        found[stretch]!.push({ atMs: dueAt - startedAt, ms: now - dueAt, wireMs: now - wroteAt, status })
        if (status === 200) goodAt.push(now)
        open--
        // A connection that broke is not used again.
        if (status !== 0) give(one)
      })
    }
    const one = free.pop()
    if (one) return go(one)
    waiting.push(go)
    grow()
  }
  for (const [index, { rate, ms }] of stretches.entries()) {
    const startedAt = performance.now()
    startedAts.push(startedAt)
    const total = Math.floor((rate * ms) / 1000)
    await new Promise<void>((done) => {
      let due = 0
      const timer = setInterval(() => {
        const wanted = Math.min(total, ((performance.now() - startedAt) * rate) / 1000)
        for (; due < wanted; due++) begin(index, startedAt, startedAt + (due * 1000) / rate)
        if (due < total) return
        clearInterval(timer)
        done()
      }, 1)
    })
    ended?.(index)
  }
  const deadline = performance.now() + 10_000
  while (open > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20))
  for (const one of all) one.close()
  return stretches.map(({ rate, ms }, index) => {
    const from = startedAts[index]!
    const good = goodAt.filter((at) => at >= from && at < from + ms).length
    return { goodPerSecond: (good * 1000) / ms, ...summary(found[index]!, Math.floor((rate * ms) / 1000)) }
  })
}

function summary(events: readonly Event[], offered: number): Omit<Stretched, 'goodPerSecond'> {
  const good = events.filter(({ status }) => status === 200)
  const refused = events.filter(({ status }) => status === 503 || status === 429)
  return {
    offered,
    good: good.length,
    refused: refused.length,
    broken: offered - good.length - refused.length,
    latency: percentiles(good.map(({ ms }) => ms)),
    refusal: percentiles(refused.map(({ ms }) => ms)),
    refusalOnWire: percentiles(refused.map(({ wireMs }) => wireMs)),
    events,
  }
}
