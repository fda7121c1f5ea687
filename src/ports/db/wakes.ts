// Wake-ups after a commit: directly within this process, through LISTEN/NOTIFY from other replicas. A notification is
// only a hint, so a broken listening connection is re-made with patience and everybody is woken once it stands again.
import type { Pool, PoolClient } from 'pg'
import { backoffMs } from '../../core/backoff.ts'
import { WAKE_CHANNELS, type WakeChannel } from './index.ts'

export interface Wakes {
  on(channel: WakeChannel, onWake: () => void): () => void
  fire(channels: Iterable<WakeChannel>): void
  close(): void
}

/** @param pool where to listen for other processes; undefined if there are none. */
export function createWakes(pool: Pool | undefined): Wakes {
  const listeners = new Map<WakeChannel, Set<() => void>>()
  const listening = pool === undefined ? undefined : createListener(pool, fire, ownNumbers(pool))

  function fire(channels: Iterable<WakeChannel>): void {
    for (const channel of channels) for (const onWake of listeners.get(channel) ?? []) onWake()
  }

  return {
    on(channel, onWake) {
      const known = listeners.get(channel) ?? new Set()
      listeners.set(channel, known.add(onWake))
      listening?.start()
      return () => known.delete(onWake)
    },
    fire,
    close() {
      listeners.clear()
      listening?.stop()
    },
  }
}

/** The server's numbers of this process's connections. */
function ownNumbers(pool: Pool): ReadonlySet<number> {
  const numbers = new Set<number>()
  const numberOf = (client: PoolClient) => (client as unknown as { readonly processID: number }).processID
  pool.on('connect', (client) => numbers.add(numberOf(client)))
  pool.on('remove', (client) => numbers.delete(numberOf(client)))
  return numbers
}

type Fire = (channels: Iterable<WakeChannel>) => void

function createListener(pool: Pool, fire: Fire, own: ReadonlySet<number>) {
  let started = false
  let stopped = false
  let attempt = 0
  let client: PoolClient | undefined
  let timer: NodeJS.Timeout | undefined

  async function connect(): Promise<void> {
    try {
      const made = await pool.connect()
      if (stopped) return made.release(true)
      client = made
      made.on('error', () => lose(made))
      made.on('end', () => lose(made))
      made.on('notification', ({ channel, processId }) => {
        // After commits of this process its listeners have been called already.
        if (own.has(processId)) return
        const known = WAKE_CHANNELS.find((name) => channel === `modelyard_${name}`)
        if (known !== undefined) fire([known])
      })
      await made.query(WAKE_CHANNELS.map((name) => `listen modelyard_${name}`).join('; '))
      attempt = 0
      fire(WAKE_CHANNELS)
    } catch {
      if (client === undefined) again()
      else lose(client)
    }
  }

  function lose(lost: PoolClient): void {
    if (client !== lost) return
    client = undefined
    lost.removeAllListeners('notification')
    lost.release(true)
    again()
  }

  function again(): void {
    if (stopped) return
    timer = setTimeout(() => void connect(), backoffMs(attempt++, { initialMs: 200, maxMs: 5000 }))
    timer.unref()
  }

  return {
    start() {
      if (started) return
      started = true
      void connect()
    },
    stop() {
      stopped = true
      clearTimeout(timer)
      const last = client
      client = undefined
      last?.release(true)
    },
  }
}
