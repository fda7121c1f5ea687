// Whether a process that was once seen is still the same one: pids are used again, so its start time is compared too.
import { readFile } from 'node:fs/promises'

/** The start of a process, comparable within one boot and distinct between boots; null where the system has no /proc. */
export async function processStart(pid: number): Promise<string | null> {
  try {
    const [status, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ])
    // The command in parentheses may itself hold spaces and parentheses; the start is the 20th field after it.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? null : `${boot.trim()}:${fields[19]}`
  } catch {
    return null
  }
}

/** @param started what `processStart` said when the process was seen. */
export async function isAlive(pid: number, started: string | null): Promise<boolean> {
  if (started !== null) return (await processStart(pid)) === started
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
