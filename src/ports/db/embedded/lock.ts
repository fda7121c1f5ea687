// The lock on DATA_DIR: two processes on one embedded database would silently lose rows. A file rather than a lock of
// the operating system, because it also tells the command line where the running service listens.
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../../core/clock.ts'
import { fail } from '../../../core/failure.ts'
import { isAlive, processStart } from './process.ts'

const TOUCH_EVERY_MS = 2_000
/** A holder on another machine (a shared volume) that does not touch its lock for this long is gone. */
const SILENT_MS = 7_000
const GUARD_TIMEOUT_MS = 10_000

/** What the lock file says about its holder. */
export interface LockHolder {
  readonly pid: number
  readonly host: string
  /** Tells this process from a later one with the same pid; null where the system does not say. */
  readonly started: string | null
  /** Where the service listens, once it does. */
  readonly address: string | null
}

export interface DirectoryLock {
  release(): Promise<void>
}

const fileOf = (dataDir: string) => join(dataDir, 'lock')

/**
 * Locks the folder for this process. A lock left by a process that is gone is taken over.
 * @throws `conflict` `DATA_DIR_IN_USE` if a living process holds it.
 */
export async function lockDirectory(dataDir: string): Promise<DirectoryLock> {
  await mkdir(dataDir, { recursive: true })
  await guarded(dataDir, async () => {
    const holder = await readHolder(dataDir)
    if (holder !== undefined && (await isHeld(dataDir, holder))) throw inUse(dataDir, holder)
    const started = await processStart(process.pid)
    await write(dataDir, { pid: process.pid, host: hostname(), started, address: null })
  })
  const touching = setInterval(() => void touch(dataDir), TOUCH_EVERY_MS)
  touching.unref()
  return {
    async release() {
      clearInterval(touching)
      await guarded(dataDir, async () => {
        if (await isOwn(dataDir)) await rm(fileOf(dataDir), { force: true })
      })
    },
  }
}

/** Notes in the lock of this process where the service listens; does nothing without one. */
export async function setAddress(dataDir: string, address: string): Promise<void> {
  await guarded(dataDir, async () => {
    const holder = await readHolder(dataDir)
    if (holder !== undefined && (await isOwn(dataDir))) await write(dataDir, { ...holder, address })
  })
}

/** The living process that holds the folder, if there is one. */
export async function readLock(dataDir: string): Promise<LockHolder | undefined> {
  const holder = await readHolder(dataDir)
  return holder !== undefined && (await isHeld(dataDir, holder)) ? holder : undefined
}

async function isHeld(dataDir: string, holder: LockHolder): Promise<boolean> {
  if (holder.host === hostname()) return isAlive(holder.pid, holder.started)
  const before = await touchedAt(dataDir)
  for (let waited = 0; waited < SILENT_MS; waited += 500) {
    await sleep(500)
    if ((await touchedAt(dataDir)) !== before) return true
  }
  return false
}

async function isOwn(dataDir: string): Promise<boolean> {
  const holder = await readHolder(dataDir)
  return (
    holder?.pid === process.pid && holder.host === hostname() && holder.started === (await processStart(process.pid))
  )
}

async function readHolder(dataDir: string): Promise<LockHolder | undefined> {
  const text = await readFile(fileOf(dataDir), 'utf8').catch(() => '')
  try {
    return JSON.parse(text) as LockHolder
  } catch {
    return undefined // missing: the file is only ever renamed into place complete
  }
}

async function write(dataDir: string, holder: LockHolder): Promise<void> {
  const partial = `${fileOf(dataDir)}.${process.pid}`
  await writeFile(partial, `${JSON.stringify(holder)}\n`)
  await rename(partial, fileOf(dataDir))
}

async function touch(dataDir: string): Promise<void> {
  const now = systemClock.now()
  await utimes(fileOf(dataDir), now, now).catch(() => {})
}

async function touchedAt(dataDir: string): Promise<number | undefined> {
  return (await stat(fileOf(dataDir)).catch(() => undefined))?.mtimeMs
}

/** Reading, judging and writing the lock must not interleave with another process doing the same. */
async function guarded(dataDir: string, work: () => Promise<void>): Promise<void> {
  const guard = `${fileOf(dataDir)}.guard`
  for (let waited = 0; ; waited += 20) {
    try {
      await writeFile(guard, `${hostname()} ${process.pid}`, { flag: 'wx' })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (waited >= GUARD_TIMEOUT_MS || (await isOrphaned(guard))) await rm(guard, { force: true })
      await sleep(20)
    }
  }
  try {
    await work()
  } finally {
    await rm(guard, { force: true })
  }
}

/** Whoever made it was killed inside. */
async function isOrphaned(guard: string): Promise<boolean> {
  const [host, pid] = (await readFile(guard, 'utf8').catch(() => '')).split(' ')
  return host === hostname() && pid !== undefined && !(await isAlive(Number(pid), null))
}

function inUse(dataDir: string, { pid, host, address }: LockHolder) {
  const where = address === null ? '' : `, listening on ${address}`
  const which = host === hostname() ? `process ${pid}` : `process ${pid} on ${host}`
  return fail(
    'conflict',
    'DATA_DIR_IN_USE',
    `${dataDir} is in use by ${which}${where}. Stop that process, set DATA_DIR to another folder, ` +
      'or set DATABASE_URL to a PostgreSQL server, which any number of processes can share.',
    { details: { pid, host, address, data_dir: dataDir } },
  )
}
