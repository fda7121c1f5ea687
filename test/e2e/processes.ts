// The program itself as child processes, started from the sources as a user would start it, and killed as a fault would.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFailed } from 'vitest'
import { createClient, type MlClient } from '../../src/client.ts'
import { wrap } from '../servers/process.ts'

const ROOT = join(import.meta.dirname, '../..')
const START_MS = 60_000
const OUTPUT_TAIL = 200

export type Settings = Readonly<Record<string, string>>

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Program extends AsyncDisposable {
  readonly pid: number
  readonly exited: Promise<Exit>
  running(): boolean
  /** The last lines of both outputs. */
  output(): string
  /** Sends the signal and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<Exit>
  /** Process ids of the trainings it runs right now. */
  trainings(): readonly number[]
}

export interface Service extends Program {
  readonly url: string
  /** Without retries: what it acknowledges, it acknowledged at the first try. */
  readonly client: MlClient
}

/** The programs that learn, from datasets and from what was recorded. */
const TRAINING = /training\/pipeline\/child|travel\/(recommend\/fit|notify\/child)/

const live = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of live) child.kill('SIGKILL')
})

interface Started extends Program {
  /** Resolves with the first line that matches; rejects with the output when the program ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>
}

/** Runs `modelyard <words>`, behind `host` where given; nothing of this process's environment but the search path goes along. */
export function startProgram(words: readonly string[], settings: Settings, host: readonly string[] = []): Started {
  const [program, ...args] = [...host, ...wrap([process.execPath, join(ROOT, 'src/main.ts'), ...words])]
  const { PATH = '', HOME = '', TMPDIR = '' } = process.env
  const env = { PATH, HOME, ...(TMPDIR && { TMPDIR }), LOG_LEVEL: 'warn', ML_WORKERS: '1', ...settings }
  const child = spawn(program!, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  live.add(child)
  const lines: string[] = []
  const waiting = new Set<() => void>()
  showWhenFailed(() => `--- modelyard ${words.join(' ')} (${child.pid})\n${lines.join('\n')}\n`)
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      if (lines.length > OUTPUT_TAIL) lines.shift()
      for (const look of waiting) look()
    })
  }
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      live.delete(child)
      resolve({ code, signal })
      for (const look of waiting) look()
    })
  })
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    child.kill(signal)
    return exited
  }
  return {
    pid: child.pid!,
    exited,
    running: () => live.has(child),
    output: () => lines.join('\n'),
    kill,
    trainings: () => childrenOf(child.pid!).filter((pid) => TRAINING.test(commandOf(pid))),
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const done = (settle: () => void) => {
          waiting.delete(look)
          clearTimeout(late)
          settle()
        }
        const look = () => {
          const found = lines.map((line) => pattern.exec(line)).find(Boolean)
          if (found) done(() => resolve(found))
          else if (!live.has(child)) done(() => reject(new Error(`The program ended:\n${lines.join('\n')}`)))
        }
        const late = setTimeout(
          () => done(() => reject(new Error(`The program did not say ${pattern}:\n${lines.join('\n')}`))),
          START_MS,
        )
        waiting.add(look)
        look()
      }),
    async [Symbol.asyncDispose]() {
      if (live.has(child)) await kill()
    },
  }
}

/** The log of a program belongs to the failure of its test; one started for a whole file has no test to fail. */
function showWhenFailed(text: () => string): void {
  try {
    onTestFailed(() => void process.stderr.write(text()))
  } catch {}
}

/** `modelyard serve` on a free port, once it listens. */
export async function startService(settings: Settings, tenantId?: string): Promise<Service> {
  const program = startProgram(['serve'], { SERVICE_PORT: '0', ...settings })
  const [, url] = await program.says(/^Modelyard listens on (\S+)$/)
  return { ...program, url: url!, client: clientAt(url!, tenantId) }
}

/** `modelyard worker`, once it works. */
export async function startWorker(settings: Settings, host?: readonly string[]): Promise<Program> {
  const program = startProgram(['worker'], settings, host)
  await program.says(/^Modelyard is working on jobs$/)
  return program
}

function clientAt(url: string, tenantId?: string): MlClient {
  return createClient({ baseUrl: url, retries: 0, timeoutMs: 30_000, ...(tenantId !== undefined && { tenantId }) })
}

export interface UntilOptions {
  readonly timeoutMs?: number
  readonly everyMs?: number
  /** Said when the time is up. */
  readonly what: string
}

/** Calls `look` until it answers something true; failures count as "not yet". */
export async function until<T>(look: () => Promise<T> | T, options: UntilOptions): Promise<NonNullable<T>> {
  const { timeoutMs = 30_000, everyMs = 50, what } = options
  const deadline = performance.now() + timeoutMs
  for (;;) {
    let last: unknown
    try {
      const found = await look()
      if (found) return found
      last = found
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for: ${what}`, { cause: last })
    await sleep(everyMs)
  }
}

/** Until every dependency answers and jobs can be queued. */
export function untilHealthy({ client }: Service, timeoutMs = 60_000): Promise<unknown> {
  const healthy = async () => (await client.health()).status === 'healthy'
  return until(healthy, { timeoutMs, what: 'a healthy service' })
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** From /proc, so Linux only; elsewhere there are none to be seen. */
function childrenOf(parent: number): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
      .map(Number)
  } catch {
    return []
  }
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
