// Which versions this replica has in memory, under a budget: thousands may be live while only those that are asked for are
// loaded. When one more does not fit, the ones not used for longest are let go; the next request for one of them loads it
// again. The order is kept as a number on each version, because a list would have to be touched by every prediction.

import type { Services } from '../ctx.ts'

/** What serving shares beyond the services of everybody. */
export interface ServingServices extends Services {
  readonly residents: Residents
}

export interface Resident {
  /** When it was last used, on a count of uses. */
  readonly usedAt: number
  /** Lets go as soon as nobody uses it; the next use loads again. */
  unload(): void
}

/** Measured of sessions of perceptrons of 20 kB to 21 MB: the weights twice (once as the engine packs them), and the rest. */
const SESSION_PER_BYTE = 2
const SESSION_BYTES = 160 * 1024

export class Residents {
  readonly #budgetBytes: number
  readonly #workers: number
  readonly #evicted: () => void
  readonly #costs = new Map<Resident, number>()
  #total = 0
  #uses = 0

  constructor(budgetBytes: number, workers: number, evicted: () => void) {
    this.#budgetBytes = budgetBytes
    this.#workers = workers
    this.#evicted = evicted
  }

  /** Estimated memory of what is loaded. */
  get bytes(): number {
    return this.#total
  }

  /** Whether there is room for more without letting go of anything: a model of unknown size is taken to be as the others. */
  get roomy(): boolean {
    const mean = this.#costs.size === 0 ? 0 : this.#total / this.#costs.size
    return this.#total + mean <= this.#budgetBytes
  }

  /** The next number for `usedAt`. */
  use(): number {
    return ++this.#uses
  }

  /** It is loaded, `bytes` long; others make room. One that is larger than the whole budget is served alone. */
  entered(one: Resident, bytes: number): void {
    this.left(one)
    const cost = bytes + this.#workers * (SESSION_PER_BYTE * bytes + SESSION_BYTES)
    this.#costs.set(one, cost)
    this.#total += cost
    while (this.#total > this.#budgetBytes && this.#costs.size > 1) this.#letGo(one)
  }

  left(one: Resident): void {
    this.#total -= this.#costs.get(one) ?? 0
    this.#costs.delete(one)
  }

  #letGo(except: Resident): void {
    let oldest: Resident | undefined
    for (const one of this.#costs.keys()) {
      if (one !== except && (oldest === undefined || one.usedAt < oldest.usedAt)) oldest = one
    }
    this.left(oldest!)
    this.#evicted()
    oldest!.unload()
  }
}
