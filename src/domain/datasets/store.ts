import type { Dataset } from '../../contract/datasets.ts'
import { notFound } from '../../core/failure.ts'
import type { Row } from '../../ports/db/index.ts'
import type { StoredTable } from '../../tables/index.ts'
import type { TxCtx } from '../ctx.ts'

/** @throws `not_found` DATASET_NOT_FOUND, also for a dataset of another tenant. */
export async function getDatasetRow(ctx: TxCtx, id: string): Promise<Row<'datasets'>> {
  const row = await ctx.db.selectFrom('datasets').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw notFound('dataset', id)
  return row
}

export function datasetDocument(row: Row<'datasets'>): Dataset {
  return {
    id: row.id,
    name: row.name,
    rows: row.rows,
    columns: [...row.columns],
    target: row.target,
    contract: row.contract,
    sha256: row.sha256,
    size_bytes: row.size_bytes,
    created_at: row.created_at.toISOString(),
  }
}

/** The file of a dataset with the reading that its inspection wrote down; the database keeps that as plain JSON. */
export function storedTable(row: Row<'datasets'>, path: string): StoredTable {
  return { path, reading: row.reading as unknown as StoredTable['reading'] }
}
