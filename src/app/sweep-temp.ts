// What a killed process left in the folder for temporary files. Several processes may share the folder, so only what is far
// older than any work is taken away.
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Beside the longest training: uploads and downloads take hours at most. */
const OLD_MS = 24 * 3_600_000

export interface TempSweep {
  readonly folder: string
  readonly longestWorkMs: number
  readonly now: Date
}

/** Deletes such files and folders. @returns how many there were. */
export async function sweepTemp({ folder, longestWorkMs, now }: TempSweep): Promise<number> {
  const eldest = now.getTime() - longestWorkMs - OLD_MS
  let swept = 0
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    // Whoever owns it may tidy it away at the same moment.
    const touchedMs = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => Number.POSITIVE_INFINITY,
    )
    if (touchedMs >= eldest) continue
    await rm(path, { recursive: true, force: true })
    swept++
  }
  return swept
}
