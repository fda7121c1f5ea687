// The rows explanations of an imported version compare with, taken from a dataset: a few from many places of it, because
// tables are often sorted. They are copied, so the dataset may be deleted.
import type { Dataset } from '../../../contract/datasets.ts'
import type { SignatureInput } from '../../../contract/models.ts'
import { invalid } from '../../../core/failure.ts'
import { own } from '../../../core/own.ts'
import { NO_REPORT, type StoredExplanation } from '../../../ml/explain/stored.ts'
import type { Ctx } from '../../ctx.ts'
import { getDataset, getRows } from '../../datasets/index.ts'

const PLACES = 10
const ROWS_A_PLACE = 10

/** @throws `invalid` when the dataset does not have the columns of the model. */
export async function backgroundOf(
  ctx: Ctx,
  dataset_id: string,
  inputs: readonly SignatureInput[],
): Promise<StoredExplanation> {
  const dataset = await getDataset(ctx, { dataset_id })
  const names = columnsOf(dataset, inputs)
  const rows: unknown[][] = []
  for (const page of await pagesOf(ctx, dataset)) {
    rows.push(...page.map((row) => names.map((name) => own(row, name) ?? null)))
  }
  return { schema_version: 1, background: { origin: 'dataset', dataset_id, rows }, report: NO_REPORT }
}

async function pagesOf(ctx: Ctx, { id: dataset_id, rows }: Dataset) {
  const few = rows <= PLACES * ROWS_A_PLACE
  const limit = few ? PLACES * ROWS_A_PLACE : ROWS_A_PLACE
  const starts = few ? [0] : Array.from({ length: PLACES }, (_, i) => Math.floor((i * (rows - limit)) / (PLACES - 1)))
  const pages: (readonly Readonly<Record<string, unknown>>[])[] = []
  for (const offset of starts) pages.push((await getRows(ctx, { dataset_id, offset, limit })).rows)
  return pages
}

/** By name; or by position where there are as many and none has a name in common, since columns inside one tensor have no names. */
export function columnsOf(
  { columns, target }: Pick<Dataset, 'columns' | 'target'>,
  inputs: readonly SignatureInput[],
): string[] {
  const known = new Set(columns.map(({ name }) => name))
  const missing = inputs.filter(({ name }) => !known.has(name)).map(({ name }) => name)
  if (missing.length === 0) return inputs.map(({ name }) => name)
  const features = columns.map(({ name }) => name).filter((name) => name !== target)
  // A table that has some of them is another table, whose columns in their order would be taken for what they are not.
  if (features.length === inputs.length && missing.length === inputs.length) return features
  const message = `must have the columns of the model; it lacks ${missing.slice(0, 10).join(', ')}`
  throw invalid('request', [{ field: 'dataset_id', message }])
}
