// The reading of an uploaded file, in a child process of its own: unpacked, inspected, rid of what cannot be served.
import { serveIsolated } from '../../../jobs/isolated.ts'
import type { SpooledFile } from './file.ts'
import { openSource, type Source } from './source.ts'

export interface ReadingInput {
  readonly path: string
  readonly spooled: SpooledFile
}

serveIsolated((input): Promise<Source> => {
  const { path, spooled } = input as ReadingInput
  return openSource(path, spooled)
})
