import { Type } from 'typebox'
import { ContractColumn, DataContract, Dataset, ValidationReport } from '../datasets.ts'
import { command, query } from '../operation.ts'
import { AnyObject, Page, pageFields, Shape } from '../schema.ts'

const tag = 'Datasets'
const base = '/api/v1/ml/datasets'
const dataset_id = Type.String({ description: 'Dataset id.' })

/** In a given contract only names and types must be said; the rest has defaults. */
const GivenContract = Shape(
  {
    columns: Type.Array(
      Shape({
        ...ContractColumn.properties,
        required: Type.Optional(ContractColumn.properties.required),
        nullable: Type.Optional(ContractColumn.properties.nullable),
      }),
      { minItems: 1, maxItems: 4096, description: 'The columns.' },
    ),
    target: DataContract.properties.target,
  },
  'What the table must look like; inferred where it is not given.',
)

export const datasetOperations = {
  'datasets.create': command({
    method: 'POST',
    path: base,
    tag,
    summary: 'Upload a table (CSV, TSV, JSON lines or Parquet, gzip allowed) or give its rows.',
    body: 'fields-or-file',
    reply: 'envelope',
    status: 201,
    message: 'Dataset created',
    idempotent: true,
    input: Shape({
      name: Type.Optional(
        Type.String({ minLength: 1, maxLength: 256, description: 'Name; default: the name of the file.' }),
      ),
      rows: Type.Optional(
        Type.Array(AnyObject('One row: column → value.'), { minItems: 1, description: 'The rows, instead of a file.' }),
      ),
      target: Type.Optional(Type.String({ description: 'Column to be predicted.' })),
      contract: Type.Optional(GivenContract),
    }),
    output: Dataset,
  }),
  'datasets.list': query({
    method: 'GET',
    path: base,
    tag,
    summary: 'List datasets, newest first.',
    reply: 'envelope',
    input: Shape(pageFields),
    output: Page(Dataset),
  }),
  'datasets.get': query({
    method: 'GET',
    path: `${base}/{dataset_id}`,
    tag,
    summary: 'One dataset with its profile and contract.',
    reply: 'envelope',
    input: Shape({ dataset_id }),
    output: Dataset,
  }),
  'datasets.rows': query({
    method: 'GET',
    path: `${base}/{dataset_id}/rows`,
    tag,
    summary: 'The first rows, as they were read.',
    reply: 'envelope',
    input: Shape({
      dataset_id,
      limit: pageFields.limit,
      offset: Type.Optional(
        Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0, description: 'Rows to skip.' }),
      ),
    }),
    output: Shape({ rows: Type.Array(AnyObject('Column → value.'), { description: 'The rows.' }) }),
  }),
  'datasets.validate': query({
    method: 'POST',
    path: `${base}/{dataset_id}/validate`,
    tag,
    summary: 'Hold a dataset against a contract.',
    body: 'fields',
    reply: 'envelope',
    long: true,
    input: Shape({ dataset_id, contract: GivenContract }),
    output: ValidationReport,
  }),
  'datasets.delete': command({
    method: 'DELETE',
    path: `${base}/{dataset_id}`,
    tag,
    summary: 'Delete a dataset; 409 while the lineage of a version needs it, unless forced.',
    body: 'query',
    reply: 'envelope',
    message: 'Dataset deleted',
    input: Shape({
      dataset_id,
      force: Type.Optional(Type.Boolean({ default: false, description: 'Delete even if a version needs it.' })),
    }),
    output: Shape({ id: dataset_id }),
  }),
}
