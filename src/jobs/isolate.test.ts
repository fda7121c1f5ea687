// Real child processes, running small modules written to a temporary folder.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { fail, MlError } from '../core/failure.ts'
import { entryBeside, runIsolated } from './isolate.ts'

const folder = mkdtempSync(join(tmpdir(), 'isolate-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const isolated = new URL('./isolated.ts', import.meta.url)
const failure = new URL('../core/failure.ts', import.meta.url)
let count = 0

/** A module whose isolated work is `body`, with `input`, `progress` and `signal` in reach. */
function work(body: string): URL {
  const path = join(folder, `work-${count++}.ts`)
  const imports = `import { serveIsolated } from '${isolated}'\nimport { fail } from '${failure}'\nvoid fail\n`
  writeFileSync(path, `${imports}serveIsolated(async (input: any, { progress, signal }) => {\n${body}\n})\n`)
  return pathToFileURL(path)
}

const SPIN = `progress(process.pid); for (let i = 0; ; i++) if (i < 0) return i`
const run = (body: string, options: Partial<Parameters<typeof runIsolated>[0]> = {}) =>
  runIsolated<unknown, number>({ entry: work(body), input: undefined, timeoutMs: 30_000, ...options })

async function thrownBy(promise: Promise<unknown>): Promise<MlError> {
  return promise.then(
    () => expect.unreachable('should have failed'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(MlError)
      return error as MlError
    },
  )
}

/** A zombie is dead: in a container nobody may come to reap an orphan. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

/** The process id the spinning child reports first. */
function spinning(options: { signal?: AbortSignal; timeoutMs?: number } = {}) {
  const started = Promise.withResolvers<number>()
  const done = run(SPIN, { ...options, onProgress: (pid) => started.resolve(pid as number) })
  done.catch(started.reject)
  started.promise.catch(() => {}) // not every test waits for it
  return { started: started.promise, done }
}

test('the input goes in and the result comes out, typed arrays and NaN included', async () => {
  const result = await run('return { twice: input.values.map((v) => v * 2), nothing: NaN }', {
    input: { values: new Float64Array([1, 2.5]) },
  })
  expect(result).toEqual({ twice: new Float64Array([2, 5]), nothing: Number.NaN })
})

test('progress arrives in order and before the result', async () => {
  const seen: unknown[] = []
  const result = await run('for (let i = 0; i < 50; i++) progress(i); return "end"', {
    onProgress: (p) => seen.push(p),
  })
  expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i))
  expect(result).toBe('end')
})

test('progress leaves the child while it is in a synchronous loop', async () => {
  const controller = new AbortController()
  const { started, done } = spinning({ signal: controller.signal })
  expect(await started).toBeGreaterThan(0)
  controller.abort()
  await thrownBy(done)
})

test('a failure keeps its kind, code, message and details', async () => {
  const error = await thrownBy(run(`throw fail('invalid', 'TOO_ODD', 'x is odd', { details: { column: 'x', n: 3 } })`))
  expect(error).toMatchObject({ kind: 'invalid', code: 'TOO_ODD', message: 'x is odd', details: { column: 'x', n: 3 } })
})

test('an unexpected error arrives as internal, with the stack of the child as its cause', async () => {
  const error = await thrownBy(run('null.x'))
  expect(error.kind).toBe('internal')
  expect((error.cause as Error).stack).toContain('work-')
})

test('cancelling a synchronous loop ends it within a second and the child is gone when the promise settles', async () => {
  const controller = new AbortController()
  const { started, done } = spinning({ signal: controller.signal })
  const pid = await started
  const before = performance.now()
  controller.abort()
  const error = await thrownBy(done)
  expect(performance.now() - before).toBeLessThan(1000)
  expect(error).toMatchObject({ kind: 'conflict', code: 'TRAINING_CANCELLED' })
  expect(isAlive(pid)).toBe(false)
})

test('work that watches its signal may clean up before it ends', async () => {
  const controller = new AbortController()
  const marker = join(folder, 'cleaned-up')
  const body = `progress(1); await new Promise((r) => signal.addEventListener('abort', r)); (await import('node:fs')).writeFileSync(input, 'x')`
  const done = run(body, { input: marker, signal: controller.signal, onProgress: () => controller.abort() })
  expect((await thrownBy(done)).code).toBe('TRAINING_CANCELLED')
  expect(existsSync(marker)).toBe(true)
})

test('a failure given as the reason of the signal is what is thrown', async () => {
  const reason = fail('unavailable', 'STOPPING', 'The service is stopping')
  const controller = new AbortController()
  const { started, done } = spinning({ signal: controller.signal })
  await started
  controller.abort(reason)
  expect(await thrownBy(done)).toBe(reason)
})

test('a signal that fired before the start starts nothing', async () => {
  expect((await thrownBy(run('return 1', { signal: AbortSignal.abort() }))).code).toBe('TRAINING_CANCELLED')
})

test('work that takes too long is stopped and the failure names the limit', async () => {
  const error = await thrownBy(spinning({ timeoutMs: 1500 }).done)
  expect(error).toMatchObject({ kind: 'limited', code: 'TRAINING_TIMEOUT', details: { timeout_ms: 1500 } })
  expect(error.message).toContain('2 s')
})

test('a child killed from outside is a crash that names the signal', async () => {
  const { started, done } = spinning()
  process.kill(await started, 'SIGKILL')
  const error = await thrownBy(done)
  expect(error).toMatchObject({ code: 'TRAINING_CRASHED', details: { signal: 'SIGKILL' } })
  expect(error.message).toContain('SIGKILL')
})

test('a child that exits without an answer is a crash with its exit code and the end of its stderr', async () => {
  const error = await thrownBy(
    run(`console.error('the last words'); setTimeout(() => process.exit(7), 50); await new Promise(() => {})`),
  )
  expect(error).toMatchObject({ code: 'TRAINING_CRASHED', details: { exit_code: 7, stderr: 'the last words' } })
})

test('an entry that does not exist is a crash, not a hang', async () => {
  const error = await thrownBy(
    runIsolated({ entry: new URL('./no-such-file.ts', import.meta.url), input: 1, timeoutMs: 9000 }),
  )
  expect(error.code).toBe('TRAINING_CRASHED')
  expect(String(error.details?.stderr)).toContain('no-such-file')
})

test('a heap that outgrows its limit is named as such', async () => {
  const error = await thrownBy(run('const all = []; for (;;) all.push({ a: [all.length] })', { maxMemoryMb: 64 }))
  expect(error).toMatchObject({ kind: 'limited', code: 'TRAINING_OUT_OF_MEMORY' })
})

test.runIf(process.platform === 'linux')('typed arrays count towards the memory limit as well', async () => {
  const hog =
    'const all = []; for (;;) { all.push(new Float64Array(4e6).fill(1)); await new Promise((r) => setTimeout(r, 20)) }'
  expect((await thrownBy(run(hog, { maxMemoryMb: 300 }))).code).toBe('TRAINING_OUT_OF_MEMORY')
})

test('an array that is too large to be made is memory that is missing', async () => {
  for (const length of ['2 ** 33', '2 ** 40']) {
    const error = await thrownBy(run(`return new Float32Array(${length}).length`, { maxMemoryMb: 300 }))
    expect(error).toMatchObject({ kind: 'limited', code: 'TRAINING_OUT_OF_MEMORY' })
  }
})

test('the child sees no secret of the parent and runs in UTC at a lower priority', async () => {
  process.env.DATABASE_URL = 'postgres://user:password@host/db'
  const body = `return { names: Object.keys(process.env), zone: process.env.TZ, nice: (await import('node:os')).getPriority() }`
  const child = (await run(body)) as { names: string[]; zone: string; nice: number }
  delete process.env.DATABASE_URL
  expect(child.names.filter((name) => !name.startsWith('NODE_CHANNEL')).toSorted()).toEqual([
    'HOME',
    'PATH',
    'TMPDIR',
    'TZ',
  ])
  expect(child.zone).toBe('UTC')
  expect(child.nice).toBe(10)
})

test('a child whose answer is given but whose handles stay open ends all the same', async () => {
  expect(await run(`setInterval(() => {}, 1000); return 'done'`)).toBe('done')
})

test('when the parent is killed with -9 the child ends at once, even in a synchronous loop', async () => {
  const parentFile = join(folder, 'parent.ts')
  writeFileSync(
    parentFile,
    `import { runIsolated } from '${new URL('./isolate.ts', import.meta.url)}'
     await runIsolated({ entry: new URL('${work(SPIN)}'), input: 0, timeoutMs: 60000, onProgress: (pid) => console.log(pid) })`,
  )
  const parent = spawn(process.execPath, [parentFile], { stdio: ['ignore', 'pipe', 'inherit'] })
  const childPid = await firstNumber(parent)
  expect(isAlive(childPid)).toBe(true)
  parent.kill('SIGKILL')
  for (let i = 0; i < 100 && isAlive(childPid); i++) await sleep(20)
  expect(isAlive(childPid)).toBe(false)
})

function firstNumber(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => child.stdout?.once('data', (data) => resolve(Number(data))))
}

test('an entry has the ending of the module beside it', () => {
  expect(entryBeside('file:///app/src/jobs/a.ts', './child').href).toBe('file:///app/src/jobs/child.ts')
  expect(entryBeside('file:///app/dist/jobs/a.js', './child').href).toBe('file:///app/dist/jobs/child.js')
})
