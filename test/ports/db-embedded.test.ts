// What only the embedded database has to prove: the lock on its folder, and that nothing acknowledged is ever lost.
import { type ChildProcess, execFile as execFileWithCallback, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/random.ts'
import { DurableFolder, startParams } from '../../src/ports/db/embedded/durable-folder.ts'
import { readLock } from '../../src/ports/db/embedded/lock.ts'
import { openDatabase, setAddress } from '../../src/ports/db/open.ts'

const KILLS = 8
const execFile = promisify(execFileWithCallback)

let root = ''
let made = 0
const newFolder = () => join(root, String(++made))
const open = (dataDir: string) => openDatabase({ url: undefined, dataDir, applicationName: 'test' })

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'modelyard-embedded-'))
  const db = await open(newFolder()) // makes the template where there is none, which takes long
  await db.close()
})
afterAll(() => rm(root, { recursive: true, force: true }))

interface Writer {
  readonly child: ChildProcess
  readonly lines: string[]
  says(word: RegExp): Promise<string>
  kill(): Promise<void>
}

function startWriter(dataDir: string, prefix: string): Writer {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'db-process.ts'), dataDir, prefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  const gone = new Promise<void>((resolve) => void child.once('close', () => resolve()))
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line))
  return {
    child,
    lines,
    says: async (word) => {
      await expect.poll(() => lines.find((line) => word.test(line)), { timeout: 50_000, interval: 5 }).toBeDefined()
      return lines.find((line) => word.test(line))!
    },
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

describe('kill -9', () => {
  it('loses no acknowledged write and keeps no unacknowledged half', async () => {
    const dataDir = newFolder()
    const random = seededRandom(7)
    const acknowledged: string[] = []
    for (let round = 0; round < KILLS; round++) {
      const writer = startWriter(dataDir, `r${round}`)
      await writer.says(/^r/)
      await sleep(random.next() * 200)
      await writer.kill()
      acknowledged.push(...writer.lines.filter((line) => line.startsWith('r')))
    }
    const db = await open(dataDir)
    const rows = await db.tenant('a', (tx) => tx.selectFrom('models').select('id').execute())
    await db.close()
    const found = new Set(rows.map(({ id }) => id))
    expect(acknowledged.length).toBeGreaterThan(KILLS)
    expect(acknowledged.filter((id) => !found.has(id))).toEqual([])
    // At most the one transaction of each round whose acknowledgement was cut off.
    expect(found.size - acknowledged.length).toBeLessThanOrEqual(KILLS)
  }, 120_000)

  it('during the first start leaves a folder that the next start makes whole', async () => {
    const random = seededRandom(11)
    for (let round = 0; round < 4; round++) {
      const dataDir = newFolder()
      const writer = startWriter(dataDir, 'r')
      await expect.poll(() => existsSync(join(dataDir, 'lock')), { timeout: 50_000, interval: 5 }).toBe(true)
      await sleep(random.next() * 500)
      await writer.kill()
      const db = await open(dataDir)
      await db.migrate()
      await db.close()
      expect(await readdir(dataDir)).toEqual(['database'])
    }
  }, 120_000)
})

it.runIf(process.platform === 'linux')('the very first start takes no more memory than others', async () => {
  const script = join(import.meta.dirname, 'db-first-process.ts')
  const flags = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']
  const { stdout } = await execFile(process.execPath, [...flags, script, newFolder(), `test-${randomUUID()}`])
  // Made in the process itself it takes twice as much.
  expect(Number(stdout)).toBeGreaterThan(50)
  expect(Number(stdout)).toBeLessThan(400)
})

describe('durability', () => {
  it('flushes the log to the disk with every commit', async () => {
    const database = new PGlite({
      fs: new DurableFolder(newFolder()),
      startParams: startParams(PGlite.defaultStartParams),
    })
    await database.query('create table t (i int)')
    const operations = (database.Module.NODEFS as unknown as { stream_ops: { fsync: (stream: never) => number } })
      .stream_ops
    const original = operations.fsync
    let flushes = 0
    operations.fsync = (stream) => {
      flushes++
      return original(stream)
    }
    for (let i = 0; i < 3; i++) await database.query('insert into t values ($1)', [i])
    expect(flushes).toBe(3)
    await database.query('select * from t')
    expect(flushes).toBe(3)
    await database.close()
  })

  it('is switched on in the running service', async () => {
    const db = await open(newFolder())
    const { rows } = await db.system((tx) =>
      sql<Record<string, string>>`
        select current_setting('fsync') as fsync, current_setting('wal_sync_method') as method,
          current_setting('synchronous_commit') as commits`.execute(tx),
    )
    await db.close()
    expect(rows).toEqual([{ fsync: 'on', method: 'fsync', commits: 'on' }])
  })
})

describe('the lock of the folder', () => {
  it('refuses a second process, says which one has it and what to do', async () => {
    const dataDir = newFolder()
    const db = await open(dataDir)
    await setAddress(dataDir, 'http://localhost:8080')
    const writer = startWriter(dataDir, 'r')
    const refusal = await writer.says(/^failed/)
    await writer.kill()
    expect(refusal).toContain(`process ${process.pid}, listening on http://localhost:8080`)
    expect(refusal).toMatch(/Stop that process, set DATA_DIR to another folder, or set DATABASE_URL/)
    await expect(open(dataDir)).rejects.toMatchObject({ kind: 'conflict', code: 'DATA_DIR_IN_USE' })
    await db.close()
    expect(existsSync(join(dataDir, 'lock'))).toBe(false)
  })

  it('tells where the running service listens, and nothing once it is gone', async () => {
    const dataDir = newFolder()
    expect(await readLock(dataDir)).toBeUndefined()
    const writer = startWriter(dataDir, 'r')
    await writer.says(/^open/)
    expect(await readLock(dataDir)).toMatchObject({ pid: writer.child.pid, address: null })
    await writer.kill()
    expect(await readLock(dataDir)).toBeUndefined()
    const db = await open(dataDir)
    await setAddress(dataDir, 'http://localhost:1')
    expect(await readLock(dataDir)).toMatchObject({ pid: process.pid, address: 'http://localhost:1' })
    await db.close()
  })

  it('is taken over from a process whose pid has been given to another', async () => {
    const dataDir = newFolder()
    await (await open(dataDir)).close()
    const writer = startWriter(dataDir, 'r')
    await writer.says(/^open/)
    const lock = JSON.parse(await readFile(join(dataDir, 'lock'), 'utf8'))
    await writer.kill()
    // This process lives, but it did not start when the lock says its holder did.
    await writeFile(join(dataDir, 'lock'), JSON.stringify({ ...lock, pid: process.pid }))
    const db = await open(dataDir)
    await db.close()
  })

  it('is respected while a process on another machine touches it, and taken over when that has fallen silent', async () => {
    const dataDir = newFolder()
    await (await open(dataDir)).close()
    const file = join(dataDir, 'lock')
    await writeFile(file, JSON.stringify({ pid: 1, host: 'elsewhere', started: 'x', address: null }))
    const touching = setInterval(() => void utimes(file, new Date(), new Date()), 1000)
    await expect(open(dataDir)).rejects.toThrow(/process 1 on elsewhere/)
    clearInterval(touching)
    await sleep(100)
    const db = await open(dataDir)
    await db.close()
  }, 30_000)

  it('is given to exactly one of several processes that start at once', async () => {
    const dataDir = newFolder()
    const writers = Array.from({ length: 4 }, (_, i) => startWriter(dataDir, `r${i}`))
    const answers = await Promise.all(writers.map((writer) => writer.says(/^open|^failed/)))
    expect(answers.filter((answer) => answer === 'open')).toHaveLength(1)
    await Promise.all(writers.map((writer) => writer.kill()))
  }, 90_000)
})

describe('a database that was misused', () => {
  it('ends a transaction that never finishes and goes on', async () => {
    const db = await openDatabase({
      url: undefined,
      dataDir: newFolder(),
      applicationName: 'test',
      transactionTimeoutMs: 500,
    })
    const stuck = db.system(() => new Promise(() => {}))
    const behind = db.ping()
    await expect(stuck).rejects.toMatchObject({ code: 'DATABASE_TIMEOUT' })
    await behind
    await db.close()
  })

  it('starts again after PostgreSQL ran out of stack, with everything it had acknowledged', async () => {
    const db = await open(newFolder())
    await db.system((tx) => sql`create table kept (i int); insert into kept values (1)`.execute(tx))
    const recursion = db.system((tx) =>
      sql
        .raw(`create function f(i int) returns int language plpgsql as 'begin return f(i + 1); end'; select f(1)`)
        .execute(tx),
    )
    await expect(recursion).rejects.toMatchObject({ kind: 'unavailable' })
    const { rows } = await db.system((tx) => sql`select i from kept`.execute(tx))
    expect(rows).toEqual([{ i: 1 }])
    await db.close()
  }, 90_000)
})
