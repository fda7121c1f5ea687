// The runs that wait for a seat. Fair by the time they take on a worker: first between tenants, then between the models of a tenant
// (start-time fair queueing; among models with some leeway, in which age decides), and within one model by priority and age.
// Bounded: a queue longer than the patience of its callers only makes every answer late. When it is full, the tenant with the most in
// it makes room.
import type { MlError } from '../core/failure.ts'
import { type BatchLimits, takeTogether } from './batch.ts'
import type { Batch, PoolModel, RunJob } from './job.ts'
import { abortedFailure, lateFailure, overloadedFailure } from './refusals.ts'

/** What one tenant waits for of one model. */
interface Line {
  readonly model: PoolModel
  readonly jobs: RunJob[]
  /** Sizes of its jobs, summed by priority. */
  readonly sizes: Map<number, number>
  /** Worker time it has been given, on a clock of its own that never lags behind those being served. */
  cost: number
}

/** What decides who stands before a run. */
export type Place = Pick<RunJob, 'tenant' | 'model' | 'priority' | 'size'>

interface Party {
  readonly lines: Map<PoolModel, Line>
  /** Those of its lines that have jobs. Of a tenant with thousands of models nearly all have none, but a cost that is remembered. */
  readonly busy: Set<Line>
  waiting: number
  cost: number
  /** The clock of its lines. */
  reached: number
}

/**
 * Worker time by which a model may be ahead of another of its tenant and still be served first if it has waited longer. Without it, whichever of
 * two hundred in turn took a little more than the others would wait for all of them to catch up: a round of two hundred, for microseconds.
 */
const LEEWAY_MS = 2
interface Candidate {
  readonly party: Party
  readonly line: Line
}

/** What a batch takes beside its run: to hand it over, and to hear of its end. */
const BESIDE_MS = 0.1

export class RunQueue {
  readonly #limit: number
  readonly #batch: BatchLimits
  readonly #parties = new Map<string, Party>()
  #length = 0
  #reached = 0

  constructor(limit: number, batch: BatchLimits) {
    this.#limit = limit
    this.#batch = batch
  }

  get length(): number {
    return this.#length
  }

  /**
   * @returns the job that had to make room for this one, if any.
   * @throws MlError `unavailable` OVERLOADED when the queue is full and no other tenant has more in it.
   */
  add(job: RunJob): RunJob | undefined {
    const evicted = this.#length >= this.#limit && !job.patient ? this.#makeRoom(job.tenant) : undefined
    const line = this.#lineOf(job)
    const { jobs } = line
    let at = jobs.length
    while (at > 0 && jobs[at - 1]!.priority > job.priority) at--
    jobs.splice(at, 0, job)
    this.#count(line, job, 1)
    return evicted
  }

  /** Puts a job that lost its worker back in front of those that are no more urgent. */
  putBack(job: RunJob): void {
    const line = this.#lineOf(job)
    const { jobs } = line
    const at = jobs.findIndex(({ priority }) => priority >= job.priority)
    jobs.splice(at < 0 ? jobs.length : at, 0, job)
    this.#count(line, job, 1)
  }

  /**
   * Worker time that goes to others before this job is done, in milliseconds: to what stands before it in its line, and to every
   * other line of its tenant and every other tenant as much as fairness gives them meanwhile. Models of unknown pace count 0.
   */
  aheadMs({ tenant, model, priority, size }: Place, nowMs: number): number {
    const itselfMs = size * model.drain.rowMs(nowMs)
    const party = this.#parties.get(tenant)
    let ahead = 0
    if (party !== undefined && party.waiting > 0) {
      const own = party.lines.get(model)
      if (own) ahead = waitingMs(own, nowMs, (other) => other <= priority)
      const shareMs = ahead + itselfMs
      for (const line of party.busy) {
        if (line === own) continue
        const equalMs = waitingMs(line, nowMs, (other) => other === priority)
        ahead += waitingMs(line, nowMs, (other) => other < priority) + Math.min(shareMs, equalMs)
      }
    }
    const shareMs = ahead + itselfMs
    for (const other of this.#parties.values()) {
      if (other === party || other.waiting === 0) continue
      let theirs = 0
      for (const line of other.busy) theirs += waitingMs(line, nowMs, () => true)
      ahead += Math.min(shareMs, theirs)
    }
    return ahead
  }

  /** What a seat that holds these models does next; nothing where that is not accepted, by the first of its runs. */
  takeFor(held: ReadonlySet<PoolModel>, accepts: (first: RunJob) => boolean): Batch | undefined {
    if (this.#length === 0) return undefined
    const next = this.#next(held)
    if (next === undefined || !accepts(next.line.jobs[0]!)) return undefined
    const { party, line } = next
    const jobs = takeTogether(line.jobs, this.#batch)
    for (const job of jobs) this.#count(line, job, -1)
    const chargedMs = line.model.pace.runMs + BESIDE_MS
    party.cost += chargedMs
    line.cost += chargedMs
    return { model: line.model, jobs, crowded: line.jobs.length > 0, chargedMs }
  }

  #next(held: ReadonlySet<PoolModel>): Candidate | undefined {
    let next: Candidate | undefined
    for (const party of this.#parties.values()) {
      if (party.waiting === 0 || (next && next.party.cost <= party.cost)) continue
      const line = nextLine(party, held)
      if (line !== undefined) next = { party, line }
    }
    if (next) this.#reached = Math.max(this.#reached, next.party.cost)
    return next
  }

  /**
   * Charges what a batch took in place of what a run of its model usually takes: one may hold a row, the next thousands. `busyMs` leaves out
   * what the worker waited for a processor: among two hundred models in turn, one would wait for all others that had been lucky.
   */
  settle({ model, jobs: [{ tenant }], chargedMs }: Batch, busyMs: number): void {
    const party = this.#parties.get(tenant)
    if (party === undefined) return
    const moreMs = busyMs + BESIDE_MS - chargedMs
    party.cost += moreMs
    const line = party.lines.get(model)
    if (line !== undefined) line.cost += moreMs
  }

  /** A waiting job's model that passes. */
  findModel(wanted: (model: PoolModel) => boolean): PoolModel | undefined {
    for (const { busy } of this.#parties.values()) for (const { model } of busy) if (wanted(model)) return model
    return undefined
  }

  /** Takes out those who are out of time or whose caller has left, each with what to say, and forgets idle tenants. */
  sweep(nowMs: number): { readonly job: RunJob; readonly failure: MlError }[] {
    const over = this.#take((job) => nowMs >= job.deadline || job.gone?.() === true)
    for (const [tenant, party] of this.#parties) {
      for (const [model, line] of party.lines) {
        if (line.jobs.length === 0 && line.cost <= party.reached) party.lines.delete(model)
      }
      if (party.waiting === 0 && party.cost <= this.#reached) this.#parties.delete(tenant)
    }
    if (this.#length === 0) this.#parties.clear() // nobody waits, so nobody is owed anything
    return over.map((job) => ({ job, failure: nowMs >= job.deadline ? lateFailure(job) : abortedFailure() }))
  }

  takeAllOf(model: PoolModel): RunJob[] {
    return this.#take((job) => job.model === model)
  }

  takeAll(): RunJob[] {
    return this.#take(() => true)
  }

  #take(wanted: (job: RunJob) => boolean): RunJob[] {
    const taken: RunJob[] = []
    for (const party of this.#parties.values()) {
      for (const line of party.busy) {
        const { jobs } = line
        const out = new Set(jobs.filter(wanted))
        if (out.size === 0) continue
        const left = jobs.filter((job) => !out.has(job))
        jobs.splice(0, jobs.length, ...left)
        for (const job of out) this.#count(line, job, -1)
        taken.push(...out)
      }
    }
    return taken
  }

  #lineOf({ tenant, model }: RunJob): Line {
    const party = this.#parties.get(tenant) ?? { lines: new Map(), busy: new Set(), waiting: 0, cost: 0, reached: 0 }
    // Who comes back after a pause has no claim on the time that others used meanwhile.
    if (party.waiting === 0) party.cost = Math.max(party.cost, this.#reached)
    this.#parties.set(tenant, party)
    const line = party.lines.get(model) ?? { model, jobs: [], sizes: new Map(), cost: 0 }
    if (line.jobs.length === 0) line.cost = Math.max(line.cost, party.reached)
    party.lines.set(model, line)
    return line
  }

  /** After `job` was put into its line or taken out of it. */
  #count(line: Line, { tenant, priority, size }: RunJob, by: 1 | -1): void {
    const { sizes, jobs } = line
    const party = this.#parties.get(tenant)!
    party.waiting += by
    if (jobs.length > 0) party.busy.add(line)
    else party.busy.delete(line)
    this.#length += by
    const left = (sizes.get(priority) ?? 0) + by * size
    if (left === 0) sizes.delete(priority)
    else sizes.set(priority, left)
  }

  #makeRoom(tenant: string): RunJob {
    let most: Party | undefined
    for (const party of this.#parties.values()) if (party.waiting > (most?.waiting ?? 0)) most = party
    const own = this.#parties.get(tenant)?.waiting ?? 0
    if (most === undefined || most.waiting <= own + 1) throw overloadedFailure()
    let longest: Line | undefined
    for (const line of most.busy) if (line.jobs.length > (longest?.jobs.length ?? 0)) longest = line
    const { jobs } = longest!
    const last = jobs.findLastIndex((job) => !job.patient)
    if (last < 0) throw overloadedFailure()
    const [evicted] = jobs.splice(last, 1)
    this.#count(longest!, evicted!, -1)
    return evicted!
  }
}

function waitingMs({ model, sizes }: Line, nowMs: number, counts: (priority: number) => boolean): number {
  let size = 0
  for (const [priority, sum] of sizes) if (counts(priority)) size += sum
  return size === 0 ? 0 : size * model.drain.rowMs(nowMs)
}

function nextLine(party: Party, held: ReadonlySet<PoolModel>): Line | undefined {
  let priority = Number.POSITIVE_INFINITY
  let least = Number.POSITIVE_INFINITY
  for (const { model, jobs, cost } of party.busy) {
    const own = jobs[0]!.priority
    if (own > priority || !held.has(model)) continue
    least = own < priority ? cost : Math.min(least, cost)
    priority = own
  }
  if (priority === Number.POSITIVE_INFINITY) return undefined
  party.reached = Math.max(party.reached, least)
  let next: Line | undefined
  for (const line of party.busy) {
    if (line.cost > least + LEEWAY_MS || line.jobs[0]!.priority !== priority || !held.has(line.model)) continue
    if (next === undefined || sinceOf(line) < sinceOf(next)) next = line
  }
  return next
}

/** When the first of it came. */
function sinceOf({ jobs }: Line): number {
  return jobs[0]!.submittedAt
}
