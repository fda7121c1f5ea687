import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Caller } from '../../../core/caller.ts'
import { keyOf, seedOf, unitHash } from './assignment.ts'

describe('the hash of a key', () => {
  it('lies in [0, 1), and is the same for the same key', () => {
    fc.assert(
      fc.property(fc.integer(), fc.string({ unit: 'binary' }), (seed, key) => {
        const hash = unitHash(seed, key)
        expect(hash).toBeGreaterThanOrEqual(0)
        expect(hash).toBeLessThan(1)
        expect(unitHash(seed, key)).toBe(hash)
      }),
    )
  })

  it('only moves keys to the challenger when the share is raised', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(100),
        fc.nat(100),
        (key, salt, a, b) => {
          const hash = unitHash(seedOf(String(salt)), key)
          const [low, high] = [Math.min(a, b) / 100, Math.max(a, b) / 100]
          if (hash < low) expect(hash).toBeLessThan(high)
          expect(hash < 1).toBe(true)
        },
      ),
    )
  })

  it.each([
    ['counted keys', (i: number) => `${i}`],
    ['long keys that differ at the end', (i: number) => `customer-of-the-house-${i}`],
    ['keys of one character', (i: number) => String.fromCodePoint(0x4e00 + i)],
  ])('divides %s as the share says, and each tenth alike', (_, keyOf) => {
    const count = 20_000
    const tenths = new Array(10).fill(0)
    for (let i = 0; i < count; i++) tenths[Math.floor(unitHash(seedOf('rollout_x'), keyOf(i)) * 10)]++
    // Five standard deviations of a binomial count.
    const allowed = 5 * Math.sqrt(count * 0.1 * 0.9)
    for (const tenth of tenths) expect(Math.abs(tenth - count / 10)).toBeLessThan(allowed)
  })

  it('draws anew for another roll-out', () => {
    const count = 20_000
    const both = Array.from({ length: count }, (_, i) => ['one', 'two'].map((id) => unitHash(seedOf(id), `${i}`) < 0.1))
    const shared = both.filter(([a, b]) => a && b).length
    expect(Math.abs(shared - count * 0.01)).toBeLessThan(5 * Math.sqrt(count * 0.01 * 0.99))
  })
})

describe('the key of a request', () => {
  const caller: Caller = { tenantId: 't', requestId: 'req_1', actor: 'a', permissions: new Set() }
  const column = { name: 'user', position: 1 }

  it.each([
    ['the value of the column', { user: 'ann', x: 1 }, 'ann'],
    ['the same for a number as for its text', { user: 42 }, '42'],
    ['the value at its place in a list', [1, 'ann'], 'ann'],
    ['the first value of a tensor', { user: { dims: [2, 1], data: ['ann', 'bob'] } }, 'ann'],
    ['the request where the value is missing', { user: null }, 'req_1'],
    ['the request where the row is none', 'text', 'req_1'],
    ['not what an object inherits', Object.create({ user: 'ann' }), 'req_1'],
  ])('is %s', (_, row, key) => {
    expect(keyOf(caller, row, column)).toBe(key)
  })

  it('is what the caller says where there is no column, or no value', () => {
    const known = { ...caller, stickyKey: 'ann' }
    expect(keyOf(known, { user: 'bob' }, undefined)).toBe('ann')
    expect(keyOf(known, {}, column)).toBe('ann')
    expect(keyOf(known, { user: 'bob' }, column)).toBe('bob')
  })
})
