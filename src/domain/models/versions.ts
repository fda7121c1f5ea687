import type { LineageReport, ModelVersion, VersionMetadata } from '../../contract/models.ts'
import type { Download } from '../../contract/operation.ts'
import type { Input, Output } from '../../contract/operations/index.ts'
import { notFound } from '../../core/failure.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { DEFAULT_LIMIT, decodeCursor, pageOf } from '../paging.ts'
import { compareVersions } from './policy.ts'
import { getModelRow, getVersionRow, requireTrained, versionDocument } from './store.ts'

/** Highest first. Semantic versions do not sort as text, so their numbers are sorted here. */
export function listVersions(ctx: Ctx, input: Input<'versions.list'>): Promise<Output<'versions.list'>> {
  const limit = input.limit ?? DEFAULT_LIMIT
  const after = decodeCursor(input.cursor, 1, /^\d+\.\d+\.\d+$/)
  return inTransaction(ctx, async (ctx) => {
    const { id } = await getModelRow(ctx, input.model_id)
    const numbers = await ctx.db.selectFrom('model_versions').select('version').where('model_id', '=', id).execute()
    const all = highestFirst(numbers)
    const rest = after ? all.filter(({ version }) => compareVersions(version, after[0]!) < 0) : all
    // Only those of the page: what a version was found to be worth may be long.
    const wanted = rest.slice(0, limit + 1).map(({ version }) => version)
    const find = ctx.db.selectFrom('model_versions').selectAll().where('model_id', '=', id)
    const rows = wanted.length === 0 ? [] : highestFirst(await find.where('version', 'in', wanted).execute())
    return pageOf(rows, limit, { item: versionDocument, position: (row) => [row.version] })
  })
}

function highestFirst<R extends { readonly version: string }>(rows: R[]): R[] {
  return rows.sort((a, b) => compareVersions(b.version, a.version))
}

export function getVersion(ctx: Ctx, input: Input<'versions.get'>): Promise<ModelVersion> {
  return inTransaction(ctx, async (ctx) => versionDocument(await findVersion(ctx, input.model_id, input.version)))
}

async function findVersion(ctx: TxCtx, modelRef: string, version: string) {
  const model = await getModelRow(ctx, modelRef)
  return getVersionRow(ctx, model.id, version)
}

export function getMetadata(ctx: Ctx, input: Input<'versions.metadata'>): Promise<VersionMetadata> {
  return inTransaction(ctx, async (ctx) => {
    const row = requireTrained(await findVersion(ctx, input.model_id, input.version))
    if (row.metadata === null) throw notFound('metadata', `${row.model_id}:${row.version}`)
    return row.metadata
  })
}

export async function getArtifact(ctx: Ctx, input: Input<'versions.artifact'>): Promise<Download> {
  const row = await inTransaction(ctx, async (ctx) =>
    requireTrained(await findVersion(ctx, input.model_id, input.version)),
  )
  return {
    stream: await ctx.objects.get(row.artifact_key),
    filename: `${row.model_id}-${row.version}.onnx`,
    ...(row.artifact_bytes !== null && { size: row.artifact_bytes }),
  }
}

export function getLineage(ctx: Ctx, input: Input<'models.lineage'>): Promise<LineageReport> {
  return inTransaction(ctx, async (ctx) => {
    const model = await getModelRow(ctx, input.model_id)
    const rows = await ctx.db
      .selectFrom('model_versions')
      .select(['version', 'status', 'lineage', 'artifact_sha256', 'created_at'])
      .where('model_id', '=', model.id)
      .execute()
    return {
      model_id: model.id,
      versions: highestFirst(rows).map((row) => ({
        version: row.version,
        status: row.status,
        lineage: row.lineage,
        artifact_sha256: row.artifact_sha256,
        created_at: row.created_at.toISOString(),
      })),
    }
  })
}
