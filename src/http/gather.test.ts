import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { MlError } from '../core/failure.ts'
import { giveBack } from '../core/memory.ts'
import { type Arriving, gather } from './gather.ts'

const KIB = 1024

const bytes = (length: number) => Buffer.from(Uint8Array.from({ length }, (_, i) => i % 251))

/** In chunks of 10 KB. */
function arriving(body: Buffer, more: Partial<Arriving> = {}): Arriving {
  const chunks = Array.from({ length: Math.ceil(body.length / 10_000) }, (_, i) =>
    body.subarray(i * 10_000, (i + 1) * 10_000),
  )
  return { payload: Readable.from(chunks), length: body.length, maxBytes: 10 * KIB * KIB, alignAt: 0, ...more }
}

const gathered = (body: Arriving) =>
  new Promise<Buffer>((resolve, reject) => {
    gather(body, (error, found) => (error ? reject(error) : resolve(found!)))
  })
const failure = (body: Arriving) =>
  gathered(body).then(
    () => undefined,
    ({ kind, code }: MlError) => [kind, code],
  )

describe('a body', () => {
  it.each([0, 1, 9999, 64 * KIB - 1, 64 * KIB, 300 * KIB, 5000 * KIB])(
    'of %i bytes is what was sent',
    async (length) => {
      const body = bytes(length)
      expect((await gathered(arriving(body))).equals(body)).toBe(true)
      expect((await gathered(arriving(body, { length: undefined }))).equals(body)).toBe(true)
    },
  )

  it('lies so that its numbers can be read in place', async () => {
    for (let alignAt = 0; alignAt < 9; alignAt++) {
      const { byteOffset } = await gathered(arriving(bytes(100 * KIB), { alignAt }))
      expect((byteOffset + alignAt) % 8).toBe(0)
    }
  })

  it('takes no memory for what is only promised', async () => {
    const { buffer } = await gathered(arriving(bytes(100), { length: undefined, maxBytes: 2 ** 30 }))
    expect(buffer.byteLength).toBeLessThan(KIB * KIB)
  })

  it('that breaks off, or is larger than it may be, is refused', async () => {
    const whole = bytes(200 * KIB)
    expect(await failure(arriving(whole, { length: 300 * KIB }))).toEqual(['malformed', 'MALFORMED_BODY'])
    expect(await failure(arriving(whole, { length: undefined, maxBytes: 150 * KIB }))).toEqual([
      'too_large',
      'TOO_LARGE',
    ])
    expect(await failure(arriving(whole, { maxBytes: 150 * KIB }))).toEqual(['too_large', 'TOO_LARGE'])
    const payload = new Readable({ read: () => {} })
    setImmediate(() => payload.destroy(new Error('the other side is gone')))
    expect(await failure(arriving(whole, { payload }))).toEqual(['malformed', 'MALFORMED_BODY'])
  })

  it('leaves the chunks alone that did not come from a socket', async () => {
    const chunk = Buffer.from(new Uint8Array(200 * KIB).fill(7).buffer)
    await gathered(arriving(chunk, { payload: Readable.from([chunk]) }))
    expect(chunk.length).toBe(200 * KIB)
  })

  it('is nothing any more once it is given back; what was never lent stays', async () => {
    const large = await gathered(arriving(bytes(100 * KIB)))
    const small = await gathered(arriving(bytes(100)))
    const foreign = Buffer.from(new ArrayBuffer(100 * KIB))
    for (const one of [large, small, foreign]) giveBack(one)
    expect([large.length, small.length, foreign.length]).toEqual([0, 100, 100 * KIB])
  })
})
