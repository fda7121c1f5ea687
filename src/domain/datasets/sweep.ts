// Uploads whose process died between storing the bytes and writing the row leave a file that nothing refers to.
import { type Sweeping, sweepLeftOvers } from '../left-overs.ts'

const DATA = /(?:^|\/)datasets\/(dataset_[0-9a-z]+)\/data$/

/** Deletes such files. @returns how many there were. */
export function sweepUploads(services: Sweeping): Promise<number> {
  return sweepLeftOvers(services, {
    prefixes: ['datasets/', 'tenants/'],
    nameOf: (key) => DATA.exec(key)?.[1],
    known: async (tx) => (await tx.selectFrom('datasets').select('id').execute()).map(({ id }) => id),
    remove: (_, key) => services.objects.delete([key]),
  })
}
