// Models in processes of their own: one process a model, so that one can be killed without the others noticing. Few are
// kept running; one that nobody asked for lately is ended and comes back with the next call.

import { openRuntime } from './open.ts'
import { closedFailure, releasedFailure } from './refusals.ts'
import { processStarter } from './start-process.ts'
import type { LoadedModel, ModelInfo, ModelSpec, RunOptions, Runtime, RuntimeOptions, RuntimeStatus } from './types.ts'

export interface IsolatedModelsOptions extends RuntimeOptions {
  /** Where each process gets an empty folder. */
  readonly tempDir: string
  /** Processes kept running; more only while all of them are at work. Default 16. */
  readonly processes?: number
  /** Of each process; default 4096. */
  readonly memoryMb?: number
}

/** A new process takes about this long to be ready. */
const SHORTEST_LIMIT_MS = 1000

interface Running {
  readonly runtime: Runtime
  readonly loaded: Promise<LoadedModel>
}

interface Guest {
  readonly spec: ModelSpec
  holds: number
  running: Running | undefined
  inFlight: number
}

export class IsolatedModels {
  readonly #options: IsolatedModelsOptions
  /** The one that was used last stands last. */
  readonly #guests = new Map<string, Guest>()
  readonly #ending = new Set<Promise<void>>()
  #closed = false

  constructor(options: IsolatedModelsOptions) {
    this.#options = options
  }

  /** As `Runtime.load`. */
  async load(spec: ModelSpec): Promise<LoadedModel> {
    if (this.#closed) throw closedFailure()
    const guest = this.#guests.get(spec.key) ?? { spec, holds: 0, running: undefined, inFlight: 0 }
    this.#guests.set(spec.key, guest)
    guest.holds++
    try {
      const { info } = await this.#using(guest, (model) => Promise.resolve(model))
      return this.#hold(guest, info)
    } catch (error) {
      this.#letGo(guest)
      throw error
    }
  }

  statuses(): RuntimeStatus[] {
    return [...this.#guests.values()].flatMap((guest) => {
      if (!guest.running) return []
      const status = guest.running.runtime.status()
      return [{ ...status, models: status.models.map((model) => ({ ...model, holds: guest.holds })) }]
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const guest of this.#guests.values()) this.#end(guest)
    await Promise.all(this.#ending)
  }

  #hold(guest: Guest, info: ModelInfo): LoadedModel {
    let released = false
    return {
      key: guest.spec.key,
      info,
      run: (feeds, options) => {
        if (released) return Promise.reject(releasedFailure())
        return this.#using(guest, (model) => model.run(feeds, impatient(options)))
      },
      release: async () => {
        if (released) return
        released = true
        this.#letGo(guest)
      },
    }
  }

  async #using<T>(guest: Guest, work: (model: LoadedModel) => Promise<T>): Promise<T> {
    if (this.#closed) throw closedFailure()
    const { key } = guest.spec
    this.#guests.delete(key)
    this.#guests.set(key, guest)
    guest.inFlight++
    try {
      guest.running ??= this.#start(guest)
      return await work(await guest.running.loaded)
    } finally {
      guest.inFlight--
      if (guest.holds === 0 && guest.inFlight === 0) this.#end(guest)
    }
  }

  #start(guest: Guest): Running {
    this.#makeRoom()
    // The memory that is watched is this process's, not that of its children.
    const { tempDir, memoryMb = 4096, recycle: _, ...options } = this.#options
    const start = processStarter({ memoryMb, tempDir })
    const runtime = openRuntime({ ...options, workers: 1, enableGpu: false, start })
    const { isolated: _isolated, ...spec } = guest.spec
    const loaded = runtime.load(spec)
    const running = { runtime, loaded }
    loaded.catch(() => {
      // The next caller tries again, in a fresh process.
      if (guest.running === running) this.#end(guest)
    })
    return running
  }

  #makeRoom(): void {
    const { processes = 16 } = this.#options
    const running = [...this.#guests.values()].filter((guest) => guest.running)
    const idle = running.filter((guest) => guest.inFlight === 0)
    for (const guest of idle.slice(0, Math.max(0, running.length - processes + 1))) this.#end(guest)
  }

  #letGo(guest: Guest): void {
    guest.holds--
    if (guest.holds > 0) return
    if (this.#guests.get(guest.spec.key) === guest) this.#guests.delete(guest.spec.key)
    if (guest.inFlight === 0) this.#end(guest)
  }

  #end(guest: Guest): void {
    const { running } = guest
    guest.running = undefined
    if (!running) return
    const ending = running.runtime.close().finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }
}

/** A process is cheap to replace: a run whose caller has given up is not waited for as a thread is. */
function impatient(options: RunOptions = {}): RunOptions {
  const { timeoutMs, limitMs } = options
  return timeoutMs === undefined || limitMs !== undefined
    ? options
    : { ...options, limitMs: Math.max(timeoutMs, SHORTEST_LIMIT_MS) }
}
