// Resident memory of a child process, looked at from outside: typed arrays and native libraries are invisible to V8's own
// heap limit, and a limit on the address space (ulimit -v) would stop V8 and WebAssembly from starting at all.
import { readFile } from 'node:fs/promises'

const INTERVAL_MS = 250

/** Calls `onExceeded(usedMb)` once when the process uses more than `limitMb`; does nothing where there is no /proc. */
export function watchMemory(
  pid: number | undefined,
  limitMb: number | undefined,
  onExceeded: (usedMb: number) => void,
): () => void {
  if (pid === undefined || limitMb === undefined || process.platform !== 'linux') return () => {}
  const timer = setInterval(async () => {
    const usedMb = await residentMb(pid)
    if (usedMb <= limitMb) return
    clearInterval(timer)
    onExceeded(usedMb)
  }, INTERVAL_MS)
  timer.unref()
  return () => clearInterval(timer)
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '') // it may have just ended
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024
}
