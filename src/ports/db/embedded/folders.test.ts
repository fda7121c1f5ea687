import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { copyDurably } from './folders.ts'

const modeOf = (path: string) => statSync(path).mode & 0o777
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'modelyard-folders-'))
  mkdirSync(join(folder, 'made/base'), { recursive: true })
  writeFileSync(join(folder, 'made/base/1'), 'table')
  chmodSync(join(folder, 'made/base/1'), 0o600)
  chmodSync(join(folder, 'made/base'), 0o700)
})
afterAll(() => rmSync(folder, { recursive: true }))

it('lets everybody read a template, whoever made it', async () => {
  const template = join(folder, 'template')
  await copyDurably(join(folder, 'made'), template, 'everybody')
  expect([template, `${template}/base`, `${template}/base/1`].map(modeOf)).toEqual([0o755, 0o755, 0o644])
})

it('lets only its owner into a database', async () => {
  const database = join(folder, 'database')
  await copyDurably(join(folder, 'made'), database, 'owner')
  expect(modeOf(database)).toBe(0o700)
})
