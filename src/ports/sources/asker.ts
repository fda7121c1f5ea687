// Asks about many entities in few requests. Ids that come while requests are under way wait and go together with the next one, an
// id that is being asked for is not asked for twice, and nobody waits longer than the time-out, for whatever reason.
import type { Clock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import { Breaker } from './breaker.ts'
import type { SourceOutcome, SourceRow } from './index.ts'
import type { SourceTable } from './mapping.ts'
import { type Answer, askPostgrest, type Server } from './postgrest.ts'

const IDS_A_REQUEST = 100
/** Ids stand in the address, which servers and proxies take up to 8 kB of; one of 256 characters fits. */
const ADDRESS_BYTES = 5_000
const REQUESTS_AT_A_TIME = 8
const COMPLAIN_EVERY_MS = 60_000

export interface AskerOptions {
  readonly server: Server
  readonly table: SourceTable
  readonly timeoutMs: number
  readonly clock: Clock
  readonly log: Log
  readonly count: (outcome: SourceOutcome) => void
}

/** Undefined: no answer. */
type Settled = SourceRow | null | undefined
type Tenant = string | undefined

interface Waiting {
  /** Of who came last. */
  sinceMs: number
  readonly answer: Promise<Settled>
  readonly settle: (row: Settled) => void
  sent: boolean
}

export class Asker {
  readonly #options: AskerOptions
  readonly #breaker: Breaker
  readonly #waiting = new Map<Tenant, Map<string, Waiting>>()
  #underWay = 0
  #complainedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: AskerOptions) {
    this.#options = options
    this.#breaker = new Breaker(() => options.clock.elapsedMs())
  }

  /** Never rejects; ids without an answer in time are left out. */
  async ask(tenant: Tenant, ids: readonly string[]): Promise<ReadonlyMap<string, SourceRow | null>> {
    const answers = new Map<string, SourceRow | null>()
    const each = [...new Set(ids)].map(async (id) => {
      const row = await this.#enqueue(tenant, id).answer
      if (row !== undefined) answers.set(id, row)
    })
    this.#send()
    const over = Promise.withResolvers<void>()
    const timer = setTimeout(over.resolve, this.#options.timeoutMs)
    await Promise.race([Promise.all(each), over.promise])
    clearTimeout(timer)
    return new Map(answers)
  }

  #enqueue(tenant: Tenant, id: string): Waiting {
    const queue = this.#waiting.get(tenant) ?? new Map<string, Waiting>()
    this.#waiting.set(tenant, queue)
    const known = queue.get(id)
    const sinceMs = this.#options.clock.elapsedMs()
    if (known) {
      known.sinceMs = sinceMs
      return known
    }
    const { promise, resolve } = Promise.withResolvers<Settled>()
    const waiting = { sinceMs, answer: promise, settle: resolve, sent: false }
    queue.set(id, waiting)
    return waiting
  }

  /** A request of each tenant in turn. */
  #send(): void {
    let sent = true
    while (sent) {
      sent = false
      for (const [tenant, queue] of this.#waiting) {
        if (this.#underWay >= REQUESTS_AT_A_TIME) return
        const ids = this.#next(queue)
        if (queue.size === 0) this.#waiting.delete(tenant)
        if (ids.length === 0) continue
        sent = true
        void this.#request(tenant, ids)
      }
    }
  }

  /** Those that nobody waits for any more are let go unasked. */
  #next(queue: Map<string, Waiting>): string[] {
    const { clock, timeoutMs } = this.#options
    const ids: string[] = []
    let room = ADDRESS_BYTES
    for (const [id, waiting] of queue) {
      if (waiting.sent) continue
      if (clock.elapsedMs() - waiting.sinceMs > timeoutMs) {
        waiting.settle(undefined)
        queue.delete(id)
        continue
      }
      room -= lengthOf(id)
      if (room < 0 || ids.push(id) === IDS_A_REQUEST) break
    }
    for (const id of ids) queue.get(id)!.sent = true
    return ids
  }

  async #request(tenant: Tenant, ids: readonly string[]): Promise<void> {
    this.#underWay++
    const answer = await this.#answer(tenant, ids)
    this.#underWay--
    const queue = this.#waiting.get(tenant)
    for (const id of ids) {
      queue?.get(id)?.settle(answer?.rows.get(id))
      queue?.delete(id)
    }
    if (queue?.size === 0) this.#waiting.delete(tenant)
    this.#send()
  }

  async #answer(tenantValue: Tenant, ids: readonly string[]): Promise<Answer | undefined> {
    const { server, table, timeoutMs, log, count } = this.#options
    if (!this.#breaker.enter()) {
      count('refused')
      return undefined
    }
    const named = { entity_type: table.entity_type, table: table.table }
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      const answer = await askPostgrest({ server, table, tenantValue, ids, signal })
      if (this.#breaker.succeeded()) log.info(named, 'the source of features is back')
      count('answered')
      if (answer.doubts.length > 0) this.#complain({ ...named, doubts: answer.doubts })
      return answer
    } catch (error) {
      count('failed')
      const problem = problemOf(error)
      if (this.#breaker.failed()) log.warn({ ...named, problem }, 'the source of features is away; answered without it')
      else this.#complain({ ...named, problem })
      return undefined
    }
  }

  #complain(fields: Readonly<Record<string, unknown>>): void {
    const nowMs = this.#options.clock.elapsedMs()
    if (nowMs - this.#complainedAtMs < COMPLAIN_EVERY_MS) return
    this.#complainedAtMs = nowMs
    this.#options.log.warn(fields, 'the source of features gave no proper answer')
  }
}

/** In an address, with its quotes and a comma. */
function lengthOf(id: string): number {
  return new URLSearchParams([['', `"${id}",`]]).toString().length
}

/** Without addresses, which hold ids of persons. */
function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'no answer in time'
  const cause = error.cause as { readonly code?: unknown } | undefined
  return typeof cause?.code === 'string' ? cause.code : error.message
}
