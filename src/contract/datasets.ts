// Datasets: the data contract (what the columns of a table must be) and the profile (what they turned out to be).
import { type Static, Type } from 'typebox'
import { Nullable, OneOf, Shape, Timestamp } from './schema.ts'

/** `string` is a category (few distinct values), `text` is prose (tokenised when trained on). */
export const COLUMN_DTYPES = ['number', 'integer', 'boolean', 'string', 'text', 'datetime'] as const
export type ColumnDtype = (typeof COLUMN_DTYPES)[number]
const Dtype = OneOf(COLUMN_DTYPES, 'Type of the values.')

export const ContractColumn = Shape(
  {
    name: Type.String({ minLength: 1, maxLength: 256, description: 'Column name, as in the header.' }),
    dtype: Dtype,
    required: Type.Boolean({ default: true, description: 'The column must be present.' }),
    nullable: Type.Boolean({ default: true, description: 'Cells may be missing.' }),
    min: Type.Optional(Type.Number({ description: 'Smallest allowed value (numbers).' })),
    max: Type.Optional(Type.Number({ description: 'Largest allowed value (numbers).' })),
    categories: Type.Optional(Type.Array(Type.String(), { description: 'The only allowed values (strings).' })),
    unique: Type.Optional(Type.Boolean({ description: 'No value may occur twice.' })),
  },
  'One column of a data contract.',
)
export type ContractColumn = Static<typeof ContractColumn>

export const DataContract = Shape(
  {
    columns: Type.Array(ContractColumn, { minItems: 1, maxItems: 4096, description: 'The columns, in file order.' }),
    target: Type.Optional(Type.String({ description: 'Name of the column to be predicted.' })),
  },
  'What a table must look like.',
)
export type DataContract = Static<typeof DataContract>

export const ColumnProfile = Shape(
  {
    name: Type.String({ description: 'Column name.' }),
    dtype: Dtype,
    nulls: Type.Integer({ description: 'Missing cells.' }),
    distinct: Type.Integer({ description: 'Distinct values; approximate above 100,000.' }),
    min: Nullable(Type.Union([Type.Number(), Type.String()]), 'Smallest value; null where there is none.'),
    max: Nullable(Type.Union([Type.Number(), Type.String()]), 'Largest value; null where there is none.'),
    mean: Nullable(Type.Number(), 'Mean of a numeric column (share of true for booleans), else null.'),
    top: Type.Array(
      Shape({
        value: Type.String({ description: 'The value, as text.' }),
        count: Type.Integer({ description: 'How often it occurs.' }),
      }),
      { description: 'The ten most frequent values.' },
    ),
  },
  'What one column turned out to hold.',
)
export type ColumnProfile = Static<typeof ColumnProfile>

export const Dataset = Shape(
  {
    id: Type.String({ description: 'Dataset id, `dataset_…`.' }),
    name: Type.String({ description: 'Name given at upload.' }),
    rows: Type.Integer({ description: 'Number of rows.' }),
    columns: Type.Array(ColumnProfile, { description: 'Profile of every column, in file order.' }),
    target: Nullable(Type.String(), 'Name of the target column, where one is known.'),
    contract: DataContract,
    sha256: Type.String({ description: 'SHA-256 of the bytes as uploaded, in hex.' }),
    size_bytes: Type.Integer({ description: 'Size of the upload in bytes.' }),
    created_at: Timestamp,
  },
  'An uploaded table.',
)
export type Dataset = Static<typeof Dataset>

/** One broken rule of a data contract. Rows count from 1 and do not include the header. */
export const ContractFinding = Shape({
  row: Nullable(Type.Integer(), 'Row number, from 1 without the header; null when the rule is about a column.'),
  column: Type.String({ description: 'Column name.' }),
  rule: Type.String({
    description: 'required | nullable | dtype | min | max | categories | unique | target | unknown_column.',
  }),
  value: Nullable(Type.String(), 'The offending value, shortened to 200 characters.'),
})
export type ContractFinding = Static<typeof ContractFinding>

export const ValidationReport = Shape(
  {
    valid: Type.Boolean({ description: 'No rule is broken.' }),
    findings: Type.Array(ContractFinding, { description: 'The first 100 findings.' }),
    counts: Type.Array(
      Shape({
        column: Type.String({ description: 'Column name.' }),
        rule: Type.String({ description: 'The broken rule.' }),
        count: Type.Integer({ description: 'How many rows break it.' }),
      }),
      { description: 'How often each rule is broken, over the whole table.' },
    ),
  },
  'A table held against a contract.',
)
export type ValidationReport = Static<typeof ValidationReport>
