import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { sweepTemp } from './sweep-temp.ts'

it('takes away what is older than a day and the longest training, and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-sweep-'))
  const now = new Date('2026-01-10T00:00:00Z')
  const touch = (name: string, at: string) => utimes(join(folder, name), new Date(at), new Date(at))
  await mkdir(join(folder, 'training-old'))
  await writeFile(join(folder, 'training-old', 'model.onnx'), 'half')
  await writeFile(join(folder, 'upload-new'), 'half')
  await touch('training-old', '2026-01-08T19:00:00Z')
  await touch('upload-new', '2026-01-08T21:00:00Z')
  expect(await sweepTemp({ folder, longestWorkMs: 4 * 3_600_000, now })).toBe(1)
  expect(await readdir(folder)).toEqual(['upload-new'])
  await rm(folder, { recursive: true })
})
