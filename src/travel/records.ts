// What a tenant has recorded, as a child process reads it: files of pages, one page a line.
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
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

async function* readPages<T>(path: string): AsyncGenerator<readonly T[]> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) yield JSON.parse(line) as readonly T[]
}
