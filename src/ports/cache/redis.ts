// A cache in Redis. While Redis is away, hung or slow every call is a miss at once: after one failure no command is sent until
// a probe has been answered, so an outage costs the predictions nothing.
import { Redis, type RedisOptions, ReplyError } from 'ioredis'
import { backoffMs } from '../../core/backoff.ts'
import { systemClock } from '../../core/clock.ts'
import { readCredential } from '../../core/credentials.ts'
import { fail, type MlError } from '../../core/failure.ts'
import type { Cache, CacheEntry } from './index.ts'
import type { CacheOptions } from './open.ts'
import { OwedDeletions } from './owed.ts'

const DEFAULT_PREFIX = 'modelyard:'
const DEFAULT_TIMEOUT_MS = 250
const CONNECT_MS = 2_000
const RETRY = { initialMs: 50, maxMs: 2_000 }
const PROBE = { initialMs: 200, maxMs: 2_000 }
/** A connection that answers none of these is dropped for a new one: the other machine may be gone without a word. */
const PROBES_A_CONNECTION = 5
const COMPLAIN_EVERY_MS = 60_000
/** More keys go in several round trips: they would hold up this process and the server, and the last of them would seem to take too long. */
const AT_ONCE = 500

export function openRedisCache(options: CacheOptions & { readonly url: string }): Cache {
  const { log, prefix = DEFAULT_PREFIX, timeoutMs = DEFAULT_TIMEOUT_MS } = options
  const { connection, shown } = readRedisUrl(options.url)
  let away = true
  let warned = false
  let closed = false
  let probing: NodeJS.Timeout | undefined
  let complainedAt = Number.NEGATIVE_INFINITY

  const client = new Redis({
    ...connection,
    keyPrefix: prefix,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: timeoutMs,
    connectTimeout: CONNECT_MS,
    retryStrategy: (attempt) => (closed ? null : backoffMs(attempt - 1, RETRY)),
  })
  const owed = new OwedDeletions(log)
  client.on('ready', () => void comeBack())
  client.on('close', () => wentAway('the connection was closed'))
  client.on('error', (error: Error) => wentAway(error.message))

  /** Nothing is read before what became old meanwhile is gone. */
  async function comeBack(): Promise<void> {
    const paid = await owed.pay((keys) => client.unlink([...keys])).catch(() => false)
    if (closed) return
    if (!paid || owed.size > 0) return probe(0)
    clearTimeout(probing)
    probing = undefined
    if (warned) log.info({ url: shown }, 'Redis is back')
    away = false
    warned = false
  }

  function wentAway(problem: string): void {
    away = true
    if (warned || closed) return
    warned = true
    log.warn({ url: shown, problem }, 'Redis is away; the cache misses until it is back')
  }

  function probe(failures: number): void {
    clearTimeout(probing)
    if (closed) return
    probing = setTimeout(
      async () => {
        if (client.status !== 'ready') return // the next connection tells when it is ready
        const answered = await client.ping().then(
          () => true,
          () => false,
        )
        if (answered) return comeBack()
        if ((failures + 1) % PROBES_A_CONNECTION === 0) client.disconnect(true)
        probe(failures + 1)
      },
      backoffMs(failures, PROBE),
    ).unref()
  }

  /** Redis that answers with an error is there: out of memory, read-only, forbidden. Said now and then, not every time. */
  function complain(error: Error): void {
    const now = systemClock.elapsedMs()
    if (now - complainedAt < COMPLAIN_EVERY_MS) return
    complainedAt = now
    log.warn({ url: shown, problem: error.message }, 'Redis refuses a command; the cache misses')
  }

  let gathering = false

  /**
   * What is asked for in one turn of the event loop is written to the socket at once. Not by pipelines of the client: each has an
   * accessor of its own, and with it commands and replies outlive the quick collections (decision 037).
   */
  function gather(): void {
    const { stream } = client
    if (gathering || !stream) return
    gathering = true
    stream.cork()
    setImmediate(() => {
      gathering = false
      stream.uncork()
    })
  }

  async function attempt<T>(command: () => Promise<T>, otherwise: T): Promise<T> {
    if (away) return otherwise
    gather()
    try {
      return await command()
    } catch (error) {
      if (error instanceof ReplyError) complain(error as Error)
      else if (!away) {
        wentAway(error instanceof Error ? error.message : String(error))
        probe(0)
      }
      return otherwise
    }
  }

  async function getSome(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    if (keys.length === 0) return []
    const misses = keys.map(() => undefined)
    return attempt(async () => (await client.mgetBuffer([...keys])).map((value) => value ?? undefined), misses)
  }

  /** A server that refuses even deletions (a replica that is only read) cannot be kept right, so it is not used. */
  async function owe(keys: readonly string[]): Promise<void> {
    owed.add(keys)
    if (away || keys.length === 0) return
    wentAway('a write was refused')
    await comeBack()
  }

  return {
    get: (key) => attempt(async () => (await client.getBuffer(key)) ?? undefined, undefined),
    async getMany(keys) {
      if (keys.length <= AT_ONCE) return getSome(keys)
      const found: (Uint8Array | undefined)[] = []
      await inParts(keys, async (some) => found.push(...(await getSome(some))) > 0)
      return found
    },
    shared: true,
    set: async (key, value, ttlSeconds) => {
      await attempt(() => write(client, [{ key, value, ttlSeconds }]), false)
    },
    async setMany(entries) {
      if (await inParts(entries, (some) => attempt(() => write(client, some), false))) return
      await owe(entries.filter(({ revision }) => revision !== undefined).map(({ key }) => key))
    },
    async delete(keys) {
      if (await inParts(keys, (some) => attempt(() => unlink(client, some), false))) return
      await owe(keys)
    },
    async ping() {
      // A server that answers again is not used before a probe has found it, and until then nothing is kept there.
      if (away) throw unavailable(shown)
      await client.ping().catch((cause: unknown) => {
        throw unavailable(shown, cause)
      })
    },
    status: () => ({ connected: !away && !closed, url: shown }),
    async close() {
      closed = true
      away = true
      clearTimeout(probing)
      client.disconnect()
    },
  }
}

/** One part after another, until one is false. */
async function inParts<T>(items: readonly T[], send: (some: readonly T[]) => Promise<boolean>): Promise<boolean> {
  for (let from = 0; from < items.length; from += AT_ONCE) {
    if (!(await send(items.slice(from, from + AT_ONCE)))) return false
  }
  return true
}

/** One round trip, where it is gathered. @throws the first error of any command. */
async function write(client: Redis, entries: readonly CacheEntry[]): Promise<true> {
  await Promise.all(entries.map((entry) => writeOne(client, entry)))
  return true
}

/** Revisions begin the values, in a fixed number of digits, so that texts compare as numbers do. */
const SET_NEWER = `if redis.call('GETRANGE', KEYS[1], 0, 15) <= ARGV[2] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3]) end`

function writeOne(client: Redis, { key, value, ttlSeconds, revision }: CacheEntry): Promise<unknown> {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const lifeMs = Math.max(1, Math.round(ttlSeconds * 1000))
  if (ttlSeconds <= 0) return client.unlink(key)
  if (revision === undefined) return client.set(key, bytes, 'PX', lifeMs)
  return client.eval(SET_NEWER, 1, key, bytes, bytes.subarray(0, 16), lifeMs)
}

async function unlink(client: Redis, keys: readonly string[]): Promise<true> {
  await client.unlink([...keys])
  return true
}

function readRedisUrl(text: string): { readonly connection: RedisOptions; readonly shown: string } {
  if (!URL.canParse(text) || !/^rediss?:\/\//.test(text)) {
    throw fail('invalid', 'VALIDATION_ERROR', 'REDIS_URL must look like redis://host:6379')
  }
  const { protocol, hostname, port, username, password, pathname } = new URL(text)
  if (!/^\/?\d{0,5}$/.test(pathname)) {
    throw fail(
      'invalid',
      'VALIDATION_ERROR',
      'REDIS_URL may end in the number of a database, as in redis://host:6379/0',
    )
  }
  const db = Number(pathname.slice(1) || 0)
  return {
    shown: `${protocol}//${hostname}:${port || 6379}/${db}`,
    connection: {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || 6379),
      db,
      ...(username && { username: readCredential(username, 'REDIS_URL') }),
      ...(password && { password: readCredential(password, 'REDIS_URL') }),
      ...(protocol === 'rediss:' && { tls: {} }),
    },
  }
}

function unavailable(shown: string, cause?: unknown): MlError {
  return fail('unavailable', 'CACHE_UNAVAILABLE', `Redis at ${shown} does not answer`, { cause, retryAfterSeconds: 5 })
}
