// Folders that either exist complete and on disk, or not at all: they are filled under another name and renamed.
import { chmodSync, closeSync, cpSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Who may read a copy. A template is often made by root, in an image or a global installation, and used by somebody else. */
export type Readers = 'owner' | 'everybody'

/** Copies a folder so that `to` never exists half-filled, not even after a power cut. Overwrites nothing. */
export function copyDurably(from: string, to: string, readers: Readers): void {
  const partial = `${to}.${process.pid}.partial`
  try {
    cpSync(from, partial, { recursive: true })
    if (readers === 'everybody') openToAll(partial)
    else chmodSync(partial, 0o700)
    moveDurably(partial, to)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}

function openToAll(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644)
  }
}

/** Flushes everything below `from` and renames it to `to`. */
export function moveDurably(from: string, to: string): void {
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    flush(join(entry.parentPath, entry.name))
  }
  flush(from)
  renameSync(from, to)
  flush(dirname(to))
}

function flush(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
