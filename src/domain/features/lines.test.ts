import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openLines } from './lines.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-lines-'))
})
afterAll(() => rm(folder, { recursive: true }))

const nobodyLeaves = new AbortController().signal

async function readAll(content: Buffer, signal = nobodyLeaves): Promise<number> {
  const path = join(folder, 'lines')
  await writeFile(path, content)
  let lines = 0
  for await (const batch of (await openLines(path, signal))!) lines += batch.length
  return lines
}

it('reads lines, also compressed ones', async () => {
  const text = Buffer.from('{"a":1}\n'.repeat(2500))
  expect(await readAll(text)).toBe(2500)
  expect(await readAll(gzipSync(text))).toBe(2500)
})

it('refuses a small file that expands without end', async () => {
  const line = Buffer.alloc(2 ** 20, 'x')
  line[line.length - 1] = 0x0a
  const bomb = gzipSync(Buffer.concat([Buffer.from('{"a":1}\n'), ...new Array<Buffer>(300).fill(line)]))
  await expect(readAll(bomb)).rejects.toMatchObject({ kind: 'invalid', message: expect.stringContaining('expands') })
})

it('stops when the caller leaves', async () => {
  const left = new Error('left')
  await expect(readAll(Buffer.from('{"a":1}\n'), AbortSignal.abort(left))).rejects.toBe(left)
})
