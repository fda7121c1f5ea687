// A dataset to train on: the rows of another one, each with the features as they were known at its time.
import { Readable } from 'node:stream'
import type { ContractColumn, Dataset } from '../../contract/datasets.ts'
import type { EntityType } from '../../contract/features.ts'
import type { Input } from '../../contract/operations/index.ts'
import { type FieldError, fail, invalid } from '../../core/failure.ts'
import type { Row } from '../../ports/db/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { createDataset, getDatasetRow, storedTable } from '../datasets/index.ts'
import { featuresAsOf, type Moment } from './as-of.ts'
import { momentMs } from './moment.ts'
import { knownNames, namesOf, valueAt } from './read.ts'
import { getEntityType } from './types.ts'

const ROWS_A_QUERY = 1000

type Request = Input<'features.training_table'>

export async function createTrainingTable(ctx: Ctx, input: Request): Promise<Dataset> {
  const { type, dataset } = await inTransaction(ctx, async (ctx) => ({
    type: await getEntityType(ctx, input.entity_type),
    dataset: await getDatasetRow(ctx, input.dataset_id),
  }))
  const names = knownNames(type, input.features ?? namesOf(type))
  refuseColumns(input, dataset.contract.columns, names)
  const name = input.name ?? `${dataset.name} with features of ${type.entity_type}`
  const { target } = dataset
  return ctx.objects.localFile(dataset.object_key, (path) => {
    const stream = Readable.from(joined(ctx, { input, type, names, dataset, path }))
    return createDataset(ctx, { name, ...(target !== null && { target }) }, { filename: `${name}.jsonl`, stream })
  })
}

function refuseColumns(input: Request, columns: readonly ContractColumn[], names: readonly string[]): void {
  const dtypes = new Map(columns.map(({ name, dtype }) => [name, dtype]))
  const errors: FieldError[] = []
  for (const field of ['entity_column', 'time_column'] as const) {
    if (!dtypes.has(input[field])) {
      errors.push({ field, message: 'is not a column of the dataset', value: input[field] })
    }
  }
  const time = dtypes.get(input.time_column)
  if (time !== undefined && time !== 'datetime') {
    errors.push({ field: 'time_column', message: `must be a datetime column, not ${time}`, value: input.time_column })
  }
  for (const name of names.filter((name) => dtypes.has(name))) {
    errors.push({ field: 'features', message: 'is a column of the dataset already; leave it out', value: name })
  }
  if (errors.length > 0) throw invalid('request', errors)
}

interface Join {
  readonly input: Request
  readonly type: EntityType
  readonly names: readonly string[]
  readonly dataset: Row<'datasets'>
  readonly path: string
}

/** JSON lines. */
async function* joined(ctx: Ctx, { input, type, names, dataset, path }: Join): AsyncGenerator<string> {
  const batches = ctx.tables.batches(storedTable(dataset, path), dataset.contract, {
    size: ROWS_A_QUERY,
    signal: ctx.signal,
  })
  const wanted = names.map((name) => type.features.find((feature) => feature.name === name)!)
  let row = 0
  for await (const batch of batches) {
    const moments = batch.map((cells) => momentOfRow(input, cells, ++row))
    const states = await inTransaction(ctx, (ctx) => featuresAsOf(ctx, { type, names }, moments))
    const lines = batch.map((cells, index) => {
      const then = { state: states[index], atMs: moments[index]!.at.getTime() }
      const features = wanted.map((feature) => [feature.name, cellOf(valueAt(type, feature, then))] as const)
      return `${JSON.stringify({ ...cells, ...Object.fromEntries(features) })}\n`
    })
    yield lines.join('')
  }
}

function momentOfRow(input: Request, cells: Readonly<Record<string, unknown>>, row: number): Moment {
  const entity = cells[input.entity_column]
  const atMs = momentMs(String(cells[input.time_column]))
  const missing = entity === null ? input.entity_column : atMs === undefined ? input.time_column : undefined
  if (atMs === undefined || missing !== undefined) {
    throw fail('invalid', 'ROW_WITHOUT_MOMENT', `Row ${row} has no ${missing}, so nothing can be looked up for it`, {
      details: { row, column: missing },
    })
  }
  return { entityId: String(entity), at: new Date(atMs) }
}

/** A list is one text of its items, which the text encoder takes apart again. */
function cellOf(value: unknown): unknown {
  return Array.isArray(value) ? value.join(' ') : (value ?? null)
}
