// Which version a request belongs to: a hash of its key, compared with the share. Every replica computes the same without
// asking anybody, and raising the share only moves keys from the champion to the challenger.
import type { Caller } from '../../../core/caller.ts'

/**
 * Uniform in [0, 1) with 32 bits, the same for the same text everywhere. MurmurHash3 (Appleby 2011, x86, 32 bits) over
 * pairs of UTF-16 units, whose final mixing makes neighbouring keys fall apart.
 */
export function unitHash(seed: number, text: string): number {
  return murmur3(seed, text) / 4294967296
}

export function seedOf(text: string): number {
  return murmur3(0, text)
}

function murmur3(seed: number, text: string): number {
  let hash = seed | 0
  const { length } = text
  for (let i = 0; i < length; i += 2) {
    const unit = text.charCodeAt(i) | (i + 1 < length ? text.charCodeAt(i + 1) << 16 : 0)
    let k = Math.imul(unit, 0xcc9e2d51)
    k = (k << 15) | (k >>> 17)
    hash ^= Math.imul(k, 0x1b873593)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  hash ^= length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** An input column whose value is the key, and where it stands in rows that are lists. */
export interface StickyColumn {
  readonly name: string
  readonly position: number
}

/** The column's value in a row or in tensors by name, else the caller's own key, else the request by itself. */
export function keyOf(caller: Caller, row: unknown, column: StickyColumn | undefined): string {
  if (column && row !== null && typeof row === 'object') {
    const value = Array.isArray(row)
      ? (row as unknown[])[column.position]
      : Object.hasOwn(row, column.name)
        ? (row as Readonly<Record<string, unknown>>)[column.name]
        : undefined
    // 42 and "42" are the same customer: cells are read alike from both.
    if (value !== undefined && value !== null && value !== '') return String(firstCell(value))
  }
  return caller.stickyKey ?? caller.requestId
}

function firstCell(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'data' in value ? (value.data as ArrayLike<unknown>)[0] : value
}
