// Folders that either exist complete and on disk, or not at all: they are filled under another name and renamed.
import { closeSync, cpSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Copies a folder so that `to` never exists half-filled, not even after a power cut. Overwrites nothing. */
export function copyDurably(from: string, to: string): void {
  const partial = `${to}.${process.pid}.partial`
  try {
    cpSync(from, partial, { recursive: true })
    moveDurably(partial, to)
  } finally {
    rmSync(partial, { recursive: true, force: true })
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
