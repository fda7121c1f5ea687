// Which chunks a process works on at a time. A chunk under which a worker died is worked on alone: if it is to blame, it takes nobody
// else's chunk along the next time.
import { once } from 'node:events'

export interface Company {
  /** To be called before a chunk is claimed; waits while one is worked on alone, or until `signal`. @returns the way out. */
  enter(signal: AbortSignal): Promise<() => void>
  /** Whether who is inside may claim another chunk without leaving: not while one is worked on alone, or waits to be. */
  mayGoOn(): boolean
  /** Waits until everybody else is out. False: another one is alone already, or waits for it. @throws the signal's reason. */
  beAlone(signal: AbortSignal): Promise<boolean>
}

export function newCompany(): Company {
  let inside = 0
  let alone = false
  let changed = Promise.withResolvers<void>()

  function change(): void {
    changed.resolve()
    changed = Promise.withResolvers()
  }
  async function until(isSo: () => boolean, signal: AbortSignal): Promise<void> {
    if (isSo() || signal.aborted) return
    const over = new AbortController()
    const stopped = once(signal, 'abort', { signal: over.signal }).catch(() => {})
    while (!isSo() && !signal.aborted) await Promise.race([changed.promise, stopped])
    over.abort()
  }
  return {
    async enter(signal) {
      await until(() => !alone, signal)
      inside++
      return () => {
        inside--
        if (inside === 0) alone = false
        change()
      }
    },
    mayGoOn: () => !alone,
    async beAlone(signal) {
      if (alone) return false
      alone = true
      await until(() => inside === 1, signal)
      signal.throwIfAborted()
      return true
    },
  }
}
