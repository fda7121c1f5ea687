// Child processes for test servers: started with their output in a file, watched while they come up, never left behind.
// Where the machine has `setpriv` the kernel kills them with us, so even a killed test run leaves no server running.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface LaunchOptions {
  /** Working directory; the output goes to `<name>.out` in it. */
  readonly directory: string
  /** Run as this user (only when we are root). */
  readonly user?: string
}

export interface Daemon {
  readonly exited: Promise<void>
  running(): boolean
  output(): string
  signal(name: NodeJS.Signals): void
  /** Sends `name`, waits, and kills what is still there after ten seconds. */
  stop(name?: NodeJS.Signals): Promise<void>
}

const EXTRA_PATH = ['/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin', '/opt/homebrew/bin']
const WORK_PREFIX = 'modelyard-test-'
const STALE_MS = 86_400_000
const live = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of live) child.kill('SIGKILL')
})

/** Full path of a program on the PATH, in the usual places, or in `places`. */
export function findProgram(name: string, places: readonly string[] = []): string | undefined {
  const folders = [...places, ...(process.env.PATH ?? '').split(delimiter), ...EXTRA_PATH]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export const isRoot = process.getuid?.() === 0

/** Words to put before a command so that it runs as `user` and dies with us. */
export function wrap(command: readonly string[], user?: string): readonly string[] {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv') : undefined
  const asUser = isRoot && user
  if (!setpriv) return asUser ? ['su', user, '-s', '/bin/sh', '-c', `exec ${command.map(quote).join(' ')}`] : command
  const change = asUser ? [`--reuid=${user}`, `--regid=${user}`, '--init-groups'] : []
  return [setpriv, '--pdeathsig=KILL', ...change, ...command]
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

export function launch(name: string, command: readonly string[], options: LaunchOptions): Daemon {
  const logFile = join(options.directory, `${name}.out`)
  const out = openSync(logFile, 'a')
  const [program, ...args] = wrap(command, options.user)
  const child = spawn(program!, args, { cwd: options.directory, stdio: ['ignore', out, out] })
  closeSync(out)
  live.add(child)
  const exited = new Promise<void>((resolve) => {
    const done = () => {
      live.delete(child)
      resolve()
    }
    child.once('exit', done)
    child.once('error', done)
  })
  return {
    exited,
    running: () => live.has(child),
    output: () => readFileSync(logFile, 'utf8').slice(-3000),
    signal: (signal) => void child.kill(signal),
    async stop(signal = 'SIGTERM') {
      if (!live.has(child)) return
      child.kill(signal)
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await exited
      clearTimeout(late)
    },
  }
}

/** Runs a short command to its end; throws with its output when it fails. */
export async function runCommand(command: readonly string[], options: LaunchOptions): Promise<void> {
  const [program, ...args] = wrap(command, options.user)
  const child = spawn(program!, args, { cwd: options.directory, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${output.slice(-3000)}`)
}

/** Calls `probe` until it stops throwing; gives up when the process ends or the time is over. */
export async function untilReady(daemon: Daemon, probe: () => Promise<unknown>, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      await probe()
      return
    } catch (error) {
      if (!daemon.running()) throw new Error(`The server ended while starting:\n${daemon.output()}`)
      if (performance.now() > deadline)
        throw new Error(`The server did not answer:\n${daemon.output()}`, { cause: error })
      await sleep(50)
    }
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No free port')
  return address.port
}

/** A fresh directory, owned by `user` when one is named and we are root. */
export async function workDirectory(name: string, user?: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `${WORK_PREFIX}${name}-`))
  if (isRoot && user) spawnSync('chown', [user, directory])
  return directory
}

export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 })
}

/** Directories of runs that were killed before they could tidy up. */
export async function removeStaleDirectories(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(WORK_PREFIX))
  for (const path of names.map((name) => join(tmpdir(), name))) {
    const stats = await stat(path).catch(() => undefined)
    if (stats && Date.now() - stats.mtimeMs > STALE_MS) await removeDirectory(path).catch(() => {})
  }
}
