// Keys that were to be deleted while the server was away. They are deleted before it is read again; if there are more than can be
// remembered, the oldest are let go and their values live until their end.
import type { Log } from '../../core/log.ts'

const MOST = 100_000
const AT_ONCE = 1000

export class OwedDeletions {
  readonly #keys = new Set<string>()
  readonly #log: Log
  #complained = false

  constructor(log: Log) {
    this.#log = log
  }

  get size(): number {
    return this.#keys.size
  }

  add(keys: readonly string[]): void {
    for (const key of keys) this.#keys.add(key)
    for (const key of this.#keys) {
      if (this.#keys.size <= MOST) return
      this.#keys.delete(key)
      this.#complain()
    }
  }

  /** @returns true once nothing is owed any more. @throws what `unlink` throws; what it did not delete is still owed. */
  async pay(unlink: (keys: readonly string[]) => Promise<unknown>): Promise<boolean> {
    while (this.#keys.size > 0) {
      const some = [...this.#keys].slice(0, AT_ONCE)
      await unlink(some)
      for (const key of some) this.#keys.delete(key)
    }
    this.#complained = false
    return true
  }

  #complain(): void {
    if (this.#complained) return
    this.#complained = true
    this.#log.warn({ most: MOST }, 'Redis is away for so many writes that some values may be old until their end')
  }
}
