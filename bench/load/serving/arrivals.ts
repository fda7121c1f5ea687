// Open-loop load: requests begin by a schedule, whether or not earlier ones are answered, and latency counts from the scheduled
// moment, so that a service that stalls does not also stop the clock (no coordinated omission). When no connection is free
// a new one is opened; beyond the limit requests wait here, which counts too, and are given up unsent after a while, as callers do:
// without that the queue in this process grows by as much as the overload, and what it holds at the end looks like lost answers.
import { percentiles } from '../../../src/cli/bench/load.ts'
import { type Answered, Connection, monotonicMs } from './generator.ts'

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
  /** Found no free connection in time: the service never heard of them. */
  readonly unsent: number
  /** Sent and never answered, or answered with another status; `faults` says how often what. */
  readonly broken: number
  readonly faults: Readonly<Record<string, number>>
  /** Milliseconds from the scheduled moment. */
  readonly latency: Percentiles
  readonly refusal: Percentiles
  /** Milliseconds from the moment the request was written, without what the generator itself was late. */
  readonly refusalOnWire: Percentiles
  /** The parts of both: from the schedule to writing, from there to being seen by the service, from there to being heard here. */
  readonly late: Percentiles
  readonly unseen: Percentiles
  readonly refusalFromSeen: Percentiles
  readonly answerFromSeen: Percentiles
  readonly events: Events
}

type Percentiles = ReturnType<typeof percentiles>

/** What came of the requests of a stretch, in the order of the answers. Numbers alone, so that collecting garbage finds nothing here. */
export class Events {
  /** Scheduled moment within the stretch, and the answer's distance from it. */
  readonly atMs: number[] = []
  readonly ms: number[] = []
  /** Written so long after the schedule. */
  readonly lateMs: number[] = []
  /** From writing until the service saw it; NaN where it does not say. */
  readonly unseenMs: number[] = []
  readonly status: number[] = []
  readonly faults: Record<string, number> = {}
}

/** How long a request waits here for a connection. */
const PATIENCE_MS = 1000
/** How long answers are waited for after the last stretch. */
const LAST_ANSWERS_MS = 10_000

export interface Schedule {
  readonly stretches: readonly Stretch[]
  readonly connections: number
  /** Called when the last request of a stretch has begun. */
  readonly ended?: (stretch: number) => void
  /** Called when as many connections are open as will be needed. */
  readonly opened?: () => void
}

export async function arrive(url: string, requests: readonly Buffer[], schedule: Schedule): Promise<Stretched[]> {
  const { stretches, connections, ended, opened } = schedule
  // As many as a second of the heaviest stretch may need, so that opening them is no part of what is measured.
  const ready = Math.min(connections, Math.ceil(Math.max(...stretches.map(({ rate }) => rate))))
  const free: Connection[] = []
  while (free.length < ready) {
    const some = Math.min(100, ready - free.length)
    free.push(...(await Promise.all(Array.from({ length: some }, () => Connection.open(url)))))
  }
  opened?.()
  const all = new Set(free)
  const waiting = new Waiting()
  const found = stretches.map(() => new Events())
  const sentOf = stretches.map(() => 0)
  const goodAt: number[] = []
  const startedAts: number[] = []
  let open = 0
  let opening = 0
  let sent = 0
  const give = (one: Connection) => {
    const next = waiting.take(performance.now() - PATIENCE_MS)
    if (next) next.go(one)
    else free.push(one)
  }
  const grow = () => {
    if (all.size + opening >= connections) return
    opening++
    Connection.open(url).then(
      (one) => {
        opening--
        all.add(one)
        give(one)
      },
      () => opening--,
    )
  }
  const begin = (stretch: number, startedAt: number, dueAt: number) => {
    const go = (one: Connection) => {
      open++
      const wroteAt = performance.now()
      const sentAt = monotonicMs()
      const events = found[stretch]!
      sentOf[stretch]!++
      one.send(requests[sent++ % requests.length]!, ({ status, error, seenAt = Number.NaN }: Answered) => {
        const now = performance.now()
        events.atMs.push(dueAt - startedAt)
        events.ms.push(now - dueAt)
        events.lateMs.push(wroteAt - dueAt)
        events.unseenMs.push(seenAt - sentAt)
        events.status.push(status)
        if (!isGood(status) && !isRefused(status)) {
          const what = error ?? `status ${status}`
          events.faults[what] = (events.faults[what] ?? 0) + 1
        }
        if (status === 200) goodAt.push(now)
        open--
        if (status !== 0) give(one)
        else all.delete(one) // a connection that broke is not used again, and another may take its place
      })
    }
    const one = free.pop()
    if (one) return go(one)
    waiting.add({ go, dueAt })
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
  const deadline = performance.now() + LAST_ANSWERS_MS
  while (open > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20))
  for (const one of all) one.close()
  return stretches.map(({ rate, ms }, index) => {
    const from = startedAts[index]!
    const good = goodAt.filter((at) => at >= from && at < from + ms).length
    const offered = Math.floor((rate * ms) / 1000)
    return { goodPerSecond: (good * 1000) / ms, ...summary(found[index]!, offered, sentOf[index]!) }
  })
}

interface Waits {
  readonly go: (one: Connection) => void
  readonly dueAt: number
}

/** Those without a connection, in the order of their time. */
class Waiting {
  #list: Waits[] = []
  #head = 0

  add(one: Waits): void {
    this.#list.push(one)
  }

  /** The first that was due at `since` or later. Not by `shift`, which moves tens of thousands each time. */
  take(since: number): Waits | undefined {
    while (this.#head < this.#list.length && this.#list[this.#head]!.dueAt < since) this.#head++
    const next = this.#list[this.#head]
    if (next !== undefined) this.#head++
    if (this.#head > 10_000) {
      this.#list = this.#list.slice(this.#head)
      this.#head = 0
    }
    return next
  }
}

function isGood(status: number): boolean {
  return status === 200
}

function isRefused(status: number): boolean {
  return status === 503 || status === 429
}

function summary(events: Events, offered: number, sent: number): Omit<Stretched, 'goodPerSecond'> {
  const { status, ms, lateMs, unseenMs } = events
  const good = ms.filter((_, i) => isGood(status[i]!))
  const refused = ms.filter((_, i) => isRefused(status[i]!))
  const faults = { ...events.faults }
  if (status.length < sent) faults.unanswered = sent - status.length
  const fromSeen = ms.map((value, i) => value - lateMs[i]! - unseenMs[i]!)
  const seen = (wanted: (status: number) => boolean) =>
    percentiles(fromSeen.filter((value, i) => wanted(status[i]!) && !Number.isNaN(value)))
  return {
    offered,
    good: good.length,
    refused: refused.length,
    unsent: offered - sent,
    broken: sent - good.length - refused.length,
    faults,
    latency: percentiles(good),
    refusal: percentiles(refused),
    refusalOnWire: percentiles(ms.map((value, i) => value - lateMs[i]!).filter((_, i) => isRefused(status[i]!))),
    late: percentiles(lateMs),
    unseen: percentiles(unseenMs.filter((value) => !Number.isNaN(value))),
    refusalFromSeen: seen(isRefused),
    answerFromSeen: seen(isGood),
    events,
  }
}
