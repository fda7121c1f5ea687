// What a tenant has recorded, copied into files that a child process learns from. The service itself only passes pages on, so that
// a world of millions of interactions takes neither its memory nor its event loop.
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Ctx } from '../domain/ctx.ts'
import { eachEntity, eachInteraction } from '../domain/features/index.ts'
import { INTERACTIONS_FILE } from './records.ts'

export interface CopyOptions {
  readonly folder: string
  readonly entityTypes: readonly string[]
  /** Told how many interactions were copied so far. */
  readonly onCopied: (interactions: number) => void
}

export async function copyRecords(ctx: Ctx, { folder, entityTypes, onCopied }: CopyOptions): Promise<void> {
  for (const type of entityTypes) await writePages(join(folder, type), eachEntity(ctx, type))
  let count = 0
  await writePages(join(folder, INTERACTIONS_FILE), eachInteraction(ctx), (length) => {
    count += length
    onCopied(count)
  })
}

function writePages<T>(
  path: string,
  pages: AsyncIterable<readonly T[]>,
  onPage: (length: number) => void = () => {},
): Promise<void> {
  async function* lines() {
    for await (const page of pages) {
      yield `${JSON.stringify(page)}\n`
      onPage(page.length)
    }
  }
  return pipeline(Readable.from(lines()), createWriteStream(path))
}
