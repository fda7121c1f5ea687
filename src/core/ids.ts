// Prefixed, sortable identifiers: `model_01jd3…`. 48 bits of milliseconds and 80 random bits in Crockford's base 32
// (the ULID layout), so ids made later sort later and need no coordination between replicas.
import { randomFillSync } from 'node:crypto'

export type IdPrefix =
  | 'model'
  | 'dataset'
  | 'job'
  | 'batch'
  | 'pred'
  | 'evt'
  | 'dep'
  | 'req'
  | 'rollout'
  | 'interaction'
  | 'hook'
  | 'dlv'
  | 'sched'
  | 'run'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const RANDOM_BYTES = 10
/** Asking the system for random bytes costs more than the rest of an id, so they are fetched for many. */
const pool = Buffer.alloc(RANDOM_BYTES * 400)
let used = pool.length
let lastMs = 0
let lastTime = ''
let lastRandom = Buffer.alloc(RANDOM_BYTES)

/** A fresh id. Ids made in the same millisecond by one process still sort in the order they were made. */
export function newId(prefix: IdPrefix, nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs
    lastTime = encodeTime(nowMs)
    lastRandom = freshRandom()
    lastRandom[0]! &= 0x7f // leaves room to count up within a millisecond
  } else {
    increment(lastRandom)
  }
  return `${prefix}_${lastTime}${encodeBytes(lastRandom)}`
}

/** No id that was made at this time or later sorts before it. */
export function firstIdAt(prefix: IdPrefix, ms: number): string {
  return `${prefix}_${encodeTime(ms)}`
}

function freshRandom(): Buffer<ArrayBuffer> {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += RANDOM_BYTES
  return pool.subarray(used - RANDOM_BYTES, used)
}

function increment(bytes: Buffer): void {
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i] = (bytes[i]! + 1) & 0xff
    if (bytes[i] !== 0) return
  }
}

function encodeTime(ms: number): string {
  let text = ''
  for (let i = 0; i < 10; i++) {
    text = ALPHABET[ms % 32]! + text
    ms = Math.floor(ms / 32)
  }
  return text
}

function encodeBytes(bytes: Buffer): string {
  let text = ''
  let value = 0
  let bits = 0
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      text += ALPHABET[(value >>> (bits - 5)) & 31]
      bits -= 5
    }
    value &= (1 << bits) - 1
  }
  return text
}
