import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { TestApp } from './app.ts'

/** Every object in the store of an app, by key. */
export async function storedKeys({ app }: TestApp): Promise<string[]> {
  const root = app.config.modelPath
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}

/** Files that are still on their way somewhere. */
export async function temporaryFiles({ app }: TestApp): Promise<string[]> {
  const entries = await readdir(app.services.settings.tempDir, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
}
