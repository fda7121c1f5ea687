import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { packFolder } from './folder.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pack-'))
  await writeFile(join(folder, 'small'), 'text')
})
afterAll(() => rm(folder, { recursive: true }))

it('packs the files of a folder', async () => {
  const tar = gunzipSync(await buffer(packFolder(folder)))
  expect(tar.toString('latin1', 512, 516)).toBe('text')
})

it('tells who reads of a file that cannot be packed', async () => {
  await writeFile(join(folder, 'large'), '')
  await truncate(join(folder, 'large'), 8 ** 11)
  await expect(buffer(packFolder(folder))).rejects.toMatchObject({ code: 'MODEL_TOO_LARGE' })
})
