// A process that is measured: what it says, and what Linux says of it.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/** Its next message. @throws Error if it ends before. */
export async function told<T>(child: ChildProcess): Promise<T> {
  const listening = new AbortController()
  const { signal } = listening
  try {
    const [message] = await Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit', { signal }).then(([code]) => Promise.reject(new Error(`a process ended with ${code}`))),
    ])
    return message as T
  } finally {
    listening.abort()
  }
}

/** Started as the image starts it: two arenas of memory, and little room for young objects. */
export function asInImage(): { readonly execArgv: string[]; readonly env: NodeJS.ProcessEnv } {
  return { execArgv: ['--max-semi-space-size=8'], env: { ...process.env, MALLOC_ARENA_MAX: '2' } }
}

/** Linux counts processor time in hundredths of a second. */
const TICK_US = 10_000

/** Microseconds of processor time, of all threads, since its start. */
export function cpuOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

export function residentMb({ pid }: ChildProcess): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}
