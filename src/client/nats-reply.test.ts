import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { refusal } from '../../test/helpers/failing.ts'
import { chunkSubject, digestText, nameOfDataref, type ReplyReference, replyName } from '../core/reply-object.ts'
import { type ObjectReader, type Refused, readReplyObject } from './nats-reply.ts'

const CHUNKS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'].map((text) => Buffer.from(text))
const NAME = `acme.${'a'.repeat(24)}`
const REFERENCE: ReplyReference = {
  dataref: `ML_REPLIES/${NAME}`,
  size_bytes: Buffer.concat(CHUNKS).length,
  chunks: CHUNKS.length,
  digest: digestText(createHash('sha256').update(Buffer.concat(CHUNKS)).digest()),
  content_type: 'text/plain',
  expires_at: '2026-01-01T00:00:00.000Z',
}

function aReader(answer: (chunk: number) => Uint8Array | Refused, timeoutMs = 60_000) {
  const done: string[] = []
  const asked: number[] = []
  const reader: ObjectReader = {
    ask: async (subject) => {
      const chunk = Number(subject.split('.').at(-1))
      asked.push(chunk)
      return answer(chunk)
    },
    done: (name) => done.push(name),
    timeoutMs,
  }
  return { reader, done, asked }
}

const read = (reader: ObjectReader, reference = REFERENCE) => new Response(readReplyObject(reference, reader)).text()

describe('a reply in the object store', () => {
  it('is read in order, each chunk once, and said to be read', async () => {
    const { reader, done, asked } = aReader((chunk) => CHUNKS[chunk]!)
    expect(await read(reader)).toBe('onetwothreefourfivesixseven')
    expect(asked).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(done).toEqual([NAME])
  })

  it('that is another than was written is a failure', async () => {
    const { reader } = aReader((chunk) => Buffer.from(CHUNKS[chunk]!.toString().toUpperCase()))
    expect(await refusal(read(reader))).toMatchObject({ code: 'UNREADABLE_REPLY' })
    const { reader: short } = aReader((chunk) => CHUNKS[chunk]!)
    expect(await refusal(read(short, { ...REFERENCE, chunks: 6 }))).toMatchObject({ code: 'UNREADABLE_REPLY' })
  })

  it('is waited for where the server is away, not for ever, and given up sooner where it is there', async () => {
    let outage = 3
    const { reader } = aReader((chunk) => (chunk === 4 && outage-- > 0 ? 'away' : CHUNKS[chunk]!))
    expect(await read(reader)).toBe('onetwothreefourfivesixseven')
    expect(await refusal(read(aReader(() => 'away', 300).reader))).toMatchObject({ code: 'TIMEOUT' })
    expect(await refusal(read(aReader(() => 'missing').reader))).toMatchObject({ code: 'REPLY_GONE' })
  })

  it('need not be kept for a reader that does not want the rest', async () => {
    const { reader, done, asked } = aReader((chunk) => CHUNKS[chunk]!)
    const stream = readReplyObject(REFERENCE, reader)
    for await (const _ of stream) break
    expect(done).toEqual([NAME])
    expect(asked.length).toBeLessThan(CHUNKS.length)
  })

  it('has a name under which no tenant is another, and only such names are read', () => {
    expect(replyName('a', 's')).toBe('a.s')
    expect(chunkSubject(replyName('a.b', 's'), 0)).not.toMatch(/\.C\.a\./)
    expect(nameOfDataref(REFERENCE.dataref)).toBe(NAME)
    for (const other of [`OTHER/${NAME}`, `ML_REPLIES/>`, `ML_REPLIES/*.${'a'.repeat(24)}`, `ML_REPLIES/${NAME}.0`]) {
      expect(nameOfDataref(other)).toBeUndefined()
    }
  })
})
