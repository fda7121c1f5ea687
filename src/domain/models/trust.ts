// Vouching for an imported version, which until then runs in a process of its own; or taking that back.
import type { ModelVersion } from '../../contract/models.ts'
import type { Input } from '../../contract/operations/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { bumpRevision } from './live.ts'
import { getVersionRow, lockModelRow, requireTrained, versionDocument } from './store.ts'

export function trustVersion(ctx: Ctx, { model_id, version, trusted }: Input<'versions.trust'>): Promise<ModelVersion> {
  return inTransaction(ctx, async (ctx) => {
    const model = await lockModelRow(ctx, model_id)
    const before = requireTrained(await getVersionRow(ctx, model.id, version))
    if (before.trusted === trusted) return versionDocument(before)
    const row = await ctx.db
      .updateTable('model_versions')
      .set({ trusted })
      .where('model_id', '=', model.id)
      .where('version', '=', version)
      .returningAll()
      .executeTakeFirstOrThrow()
    // Replicas load it anew, at its other place.
    await bumpRevision(ctx)
    return versionDocument(row)
  })
}
