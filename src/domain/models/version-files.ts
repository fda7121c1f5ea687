// The files of a version, written once. Whoever was given its number may have lost it since (a transaction that timed out while a file was on
// its way), and a file that comes late must not replace that of the version which has the number now.
import { asFailure } from '../../core/failure.ts'
import type { ObjectBody, Objects, StoredObject } from '../../ports/objects/index.ts'

const ATTEMPTS = 3

export interface VersionFile {
  readonly key: string
  /** Made anew for every attempt. */
  readonly body: () => ObjectBody
  /** Throws unless the number still belongs to the caller; asked before a file is removed that an earlier owner of it left. */
  readonly stillMine: () => Promise<unknown>
}

/** @throws what `stillMine` throws, or `conflict` OBJECT_EXISTS where others come in between again and again. */
export async function storeVersionFile(objects: Objects, { key, body, stillMine }: VersionFile): Promise<StoredObject> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await objects.put(key, body(), { unless: 'exists' })
    } catch (error) {
      if (asFailure(error).code !== 'OBJECT_EXISTS' || attempt === ATTEMPTS) throw error
    }
    await stillMine()
    await objects.delete([key])
  }
}
