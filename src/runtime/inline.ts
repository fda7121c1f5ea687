// Runs of very small models on the event loop itself, for callers who come one at a time: two thread switches cost such a
// call more than the run. Only trusted graphs (trained here: no loops), only where the measured run is far below what the
// loop can spare, and only while nothing else is in flight or the loop mostly waits; under load the workers and their batches are faster.
import { notePace } from './batch.ts'
import { fetchIndices, orderFeeds } from './feeds.ts'
import type { PoolModel } from './job.ts'
import { admit } from './refusals.ts'
import { Row, tensorsOf } from './row.ts'
import { byName, outputsOf, type RunRequest } from './runs.ts'
import type { Session, SessionSource } from './session.ts'
import type { PooledResult } from './types.ts'

/** A run must be measured faster than this to be done here, and is done here no longer when it becomes slower than twice that. */
const FAST_MS = 0.3
const MAX_BYTES = 1024 * 1024
const MAX_ROWS = 4
/** Calls in a row that met nothing else in flight. */
const CALM = 16
/** Or a loop that works less than this share of its time, and no longer when it works more than the other. */
const IDLE = { until: 0.5, upTo: 0.7 }
/** That do not keep a call of an idle loop from it. */
const FEW = 4
/** Runs of a model before its session is also opened here: opening takes the loop some milliseconds. */
const PROVEN = 32
/** Runs of a model that became too slow here before it is tried again: a busy minute of the machine is not the model's fault. */
const REST = 2000

/** The workers, and the loop that would be held up. */
export interface Elsewhere {
  /** Runs accepted and not answered. */
  readonly inFlight: () => number
  /** The last run here of a retired model has ended. */
  readonly unneeded: (model: PoolModel) => void
  /** Of its time, how much the event loop works. */
  readonly loopShare: () => number
}

interface Here {
  readonly session: Session
  runs: number
  inFlight: number
  unneeded: boolean
}

export class Inline {
  readonly #sessions = new Map<PoolModel, Here | null>()
  readonly #runsSeen = new Map<PoolModel, number>()
  readonly #elsewhere: Elsewhere
  #inFlight = 0
  #calm = 0
  #idle = false

  constructor(elsewhere: Elsewhere) {
    this.#elsewhere = elsewhere
  }

  /** The answer, or undefined where the run belongs to a worker. */
  tryRun(request: RunRequest): Promise<PooledResult> | undefined {
    const others = this.#inFlight + this.#elsewhere.inFlight()
    this.#calm = others === 0 ? this.#calm + 1 : 0
    const { model, info, feeds } = request
    if (!model.trusted || info.bytes > MAX_BYTES || model.stuck > 0) return undefined
    if (this.#calm < CALM && !(others < FEW && this.#isIdle())) return undefined
    const here = this.#sessions.get(model)
    if (here === null) return undefined
    if (here === undefined) {
      this.#consider(model)
      return undefined
    }
    const rows = feeds instanceof Row ? 1 : (feeds[info.inputs[0]?.name ?? '']?.dims[0] ?? 0)
    return rows > 0 && rows <= MAX_ROWS ? this.#run(here, request) : undefined
  }

  #isIdle(): boolean {
    this.#idle = this.#elsewhere.loopShare() < (this.#idle ? IDLE.upTo : IDLE.until)
    return this.#idle
  }

  /** As the last calls found it. */
  get company(): 'alone' | 'others are about' {
    return this.#calm < CALM ? 'others are about' : 'alone'
  }

  forget(model: PoolModel): void {
    const here = this.#sessions.get(model)
    this.#sessions.delete(model)
    this.#runsSeen.delete(model)
    if (here) leave(here)
  }

  async #run(here: Here, { model, info, feeds, options }: RunRequest): Promise<PooledResult> {
    admit(model)
    const fetches = fetchIndices(info, options.fetches)
    const ordered = feeds instanceof Row ? tensorsOf(feeds) : orderFeeds(info, feeds)
    model.pending++
    here.inFlight++
    this.#inFlight++
    try {
      const { outputs, runMs } = await here.session.run(ordered, fetches)
      notePace(model, [], runMs)
      // The first runs here make the engine's buffers.
      if (++here.runs > CALM && model.pace.runMs > 2 * FAST_MS && !model.retired) this.#rest(model, here)
      const batchRows = ordered[0]?.dims[0] ?? 1
      return { outputs: byName(outputsOf(info, fetches), outputs), runMs, queueMs: 0, batchRows, leads: true }
    } finally {
      model.pending--
      here.inFlight--
      this.#inFlight--
      if (here.unneeded) leave(here)
      if (model.retired && model.pending === 0) this.#elsewhere.unneeded(model)
    }
  }

  #rest(model: PoolModel, here: Here): void {
    this.#sessions.delete(model)
    this.#runsSeen.set(model, -REST)
    here.unneeded = true
  }

  #consider(model: PoolModel): void {
    const seen = (this.#runsSeen.get(model) ?? 0) + 1
    this.#runsSeen.set(model, seen)
    if (seen < PROVEN || model.pace.runMs === 0 || model.pace.runMs > FAST_MS || model.retired) return
    this.#runsSeen.delete(model)
    this.#sessions.set(model, null)
    this.#open(model, model.source).catch(() => undefined) // it goes on running in the workers
  }

  async #open(model: PoolModel, source: SessionSource): Promise<void> {
    const { openSession } = await import('./session.ts')
    const session = await openSession(source, { gpu: 'off', threads: 1 })
    if (model.retired) await session.close()
    else this.#sessions.set(model, { session, runs: 0, inFlight: 0, unneeded: false })
  }
}

/** Closes it behind its last run. */
function leave(here: Here): void {
  here.unneeded = true
  if (here.inFlight === 0) void here.session.close().catch(() => undefined)
}
