// Starts a child process that is to be limited and killed. Where there is a shell the kernel itself enforces the limits: a
// look at the memory now and then comes too late for a constant of 8 GB.
import { type ChildProcess, fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { setPriority, tmpdir } from 'node:os'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface ChildLimits {
  /** Of the JavaScript heap. */
  readonly heapMb?: number | undefined
  /** Of everything the process allocates; an allocation beyond it fails. Linux only. */
  readonly dataMb?: number | undefined
  /** Processor time over its whole life, then it is killed. */
  readonly cpuSeconds?: number | undefined
  /** Where it works; default: where this process does. */
  readonly folder?: string | undefined
  readonly home?: string | undefined
  /** 0 is that of this process, 19 the lowest priority; default 10. */
  readonly niceness?: number
  /** More pipes for the two to talk over, from descriptor 5 on. */
  readonly pipes?: number
}

/** Lower priority than the serving process, which runs at 0. */
const NICENESS = 10
const SHELL = '/bin/sh'

/** Standard error is a pipe; its messages are clones, so typed arrays survive. */
export function startChild(entry: URL, limits: ChildLimits = {}): ChildProcess {
  const { heapMb, folder, home = tmpdir() } = limits
  const shell = shellLimits(limits)
  // The parent's flags (inspector, test runner) and environment (passwords) are none of the child's business.
  const flags = heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`]
  // What this process has compiled is kept in a folder by version and flags inside of the one that is named.
  const compiled = getCompileCacheDir()
  const child = fork(fileURLToPath(entry), [], {
    ...(shell !== undefined && { execPath: SHELL }),
    execArgv: shell === undefined ? flags : ['-c', `${shell} exec "$0" "$@"`, process.execPath, ...flags],
    env: {
      PATH: [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
      HOME: home,
      TMPDIR: tmpdir(),
      TZ: 'UTC',
      ...(compiled !== undefined && { NODE_COMPILE_CACHE: dirname(compiled) }),
    },
    ...(folder !== undefined && { cwd: folder }),
    serialization: 'advanced',
    // The last pipe carries nothing: it closes when this process dies, whatever the child is doing then (leash.ts).
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe', ...new Array<'pipe'>(limits.pipes ?? 0).fill('pipe')],
  })
  try {
    // At once, before it starts threads: on Linux the priority belongs to a thread and is inherited.
    if (child.pid !== undefined) setPriority(child.pid, limits.niceness ?? NICENESS)
  } catch {
    // Not permitted here; the work then competes with serving on equal terms.
  }
  child.stdio[4]?.on('error', () => {})
  return child
}

/** A limit that the shell does not know, or that is above the one it has itself, is passed over. */
function shellLimits({ dataMb, cpuSeconds }: ChildLimits): string | undefined {
  if (process.platform === 'win32' || (dataMb === undefined && cpuSeconds === undefined) || !existsSync(SHELL)) {
    return undefined
  }
  const set = (flag: string, value: number) => `ulimit -${flag} ${Math.round(value)} 2>/dev/null;`
  const data = dataMb === undefined ? '' : set('d', dataMb * 1024)
  return `${data}${cpuSeconds === undefined ? '' : set('t', cpuSeconds)}`
}
