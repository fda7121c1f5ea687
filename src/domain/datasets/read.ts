import type { Dataset, ValidationReport } from '../../contract/datasets.ts'
import type { Input, Output } from '../../contract/operations/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { DEFAULT_LIMIT, pageById } from '../paging.ts'
import { completeContract } from './policy.ts'
import { datasetDocument, getDatasetRow, storedTable } from './store.ts'

export function listDatasets(ctx: Ctx, input: Input<'datasets.list'>): Promise<Output<'datasets.list'>> {
  return inTransaction(ctx, async (ctx) => {
    const find = ctx.db.selectFrom('datasets').selectAll()
    return await pageById(find, input, datasetDocument)
  })
}

export function getDataset(ctx: Ctx, input: Input<'datasets.get'>): Promise<Dataset> {
  return inTransaction(ctx, async (ctx) => datasetDocument(await getDatasetRow(ctx, input.dataset_id)))
}

export async function getRows(ctx: Ctx, input: Input<'datasets.rows'>): Promise<Output<'datasets.rows'>> {
  const row = await inTransaction(ctx, (ctx) => getDatasetRow(ctx, input.dataset_id))
  const page = { offset: input.offset ?? 0, limit: input.limit ?? DEFAULT_LIMIT, signal: ctx.signal }
  const rows = await ctx.objects.localFile(row.object_key, (path) =>
    ctx.tables.rows(storedTable(row, path), row.contract, page),
  )
  return { rows }
}

export async function validateDataset(ctx: Ctx, input: Input<'datasets.validate'>): Promise<ValidationReport> {
  const contract = completeContract(input.contract)
  const row = await inTransaction(ctx, (ctx) => getDatasetRow(ctx, input.dataset_id))
  return ctx.objects.localFile(row.object_key, (path) =>
    ctx.tables.validate(storedTable(row, path), contract, ctx.signal),
  )
}
