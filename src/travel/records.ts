// What a tenant has recorded, as a child process reads it: files of pages, one page a line.
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { RecordedInteraction } from '../domain/features/index.ts'
import type { Known } from './known.ts'

export interface KnownEntity {
  readonly entity_id: string
  readonly features: Known
}

/** Read a page at a time. */
export interface Records {
  readonly entities: (type: string) => AsyncIterable<readonly KnownEntity[]>
  /** In the order they were recorded. */
  readonly interactions: () => AsyncIterable<readonly RecordedInteraction[]>
}

export const INTERACTIONS_FILE = 'interactions'

/** As copy-records.ts left them. */
export function copiedRecords(folder: string): Records {
  return {
    entities: (type) => readPages(join(folder, type)),
    interactions: () => readPages(join(folder, INTERACTIONS_FILE)),
  }
}

/** Not by readline, which ends a line at U+2028 too; JSON leaves that as it is. */
async function* readPages<T>(path: string): AsyncGenerator<readonly T[]> {
  let begun: string[] = []
  for await (const piece of createReadStream(path, { encoding: 'utf8', highWaterMark: READ_BYTES })) {
    const [first = '', ...others] = String(piece).split('\n')
    begun.push(first)
    for (const next of others) {
      yield JSON.parse(begun.join('')) as readonly T[]
      begun = [next]
    }
  }
}

const READ_BYTES = 256 * 1024
