// What a model file that was made here takes and answers, found out by trying it out like an imported one.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ModelType, Signature } from '../../../contract/models.ts'
import type { Ctx } from '../../ctx.ts'
import { takesTensors } from '../policy.ts'
import { deriveSignature } from './derive.ts'
import type { SpooledFile } from './file.ts'
import { tryOut } from './try-out.ts'

export interface Examined extends SpooledFile {
  readonly signature: Signature
}

/** @throws `invalid` for what is no model, or cannot be run. */
export async function examineFile(ctx: Ctx, path: string, type: ModelType): Promise<Examined> {
  const folder = await mkdtemp(join(ctx.settings.tempDir, 'examine-'))
  try {
    const trial = await tryOut(ctx, folder, { path, tensors: takesTensors(type) })
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    const { size: bytes } = await stat(path)
    return { bytes, sha256: hash.digest('hex'), signature: deriveSignature(trial, { type }) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
