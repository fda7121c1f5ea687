// Batch jobs: predictions of a whole table, made in the background.
import { type Static, Type } from 'typebox'
import { VersionNumber } from './models.ts'
import { InputRow } from './predictions.ts'
import { Nullable, OneOf, Shape, Timestamp } from './schema.ts'
import { JOB_STATUSES } from './training.ts'

export const BATCH_FORMATS = ['jsonl', 'csv', 'parquet'] as const
export type BatchFormat = (typeof BATCH_FORMATS)[number]

export const BATCH_MEDIA_TYPES: Readonly<Record<BatchFormat, string>> = {
  jsonl: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
}

export const BatchFormat = OneOf(BATCH_FORMATS, 'Form of the results.')

/** Also a part of object keys, hence no slash. */
export const BatchJobId = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$',
  description: 'Job id; one of your own makes the submission repeatable.',
})

export const BatchRequest = Shape(
  {
    model_id: Type.String({ minLength: 1, description: 'Model id or name.' }),
    version: Type.Optional({ ...VersionNumber, description: 'Default: the version that is live in production.' }),
    input_batch: Type.Optional(
      Type.Array(InputRow, { description: 'The rows; or give `dataset_id`, `input_prefix`, or a file.' }),
    ),
    dataset_id: Type.Optional(
      Type.String({ description: 'Predict every row of this dataset; columns the model does not know are left out.' }),
    ),
    input_prefix: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 400,
        description: 'Predict every file of the object store under `batch-input/` (of the tenant) with this prefix.',
      }),
    ),
    job_id: Type.Optional(BatchJobId),
    output_format: Type.Optional(OneOf(BATCH_FORMATS, 'Form of the results unless they are asked for in another.')),
  },
  'A batch to be predicted.',
)
export type BatchRequest = Static<typeof BatchRequest>

export const BatchAccepted = Shape(
  {
    id: BatchJobId,
    status: OneOf(JOB_STATUSES, 'Where the job stands.'),
    input_count: Type.Integer({ description: 'Rows to be predicted.' }),
  },
  'A batch job that was accepted.',
)
export type BatchAccepted = Static<typeof BatchAccepted>

export const BatchRowError = Shape(
  {
    row: Type.Integer({ description: 'Row of the input, counted from 0.' }),
    error: Type.String({ description: 'Why it has no prediction.' }),
  },
  'A row without a prediction.',
)
export type BatchRowError = Static<typeof BatchRowError>

export const BatchJob = Shape(
  {
    id: BatchJobId,
    model_id: Type.String({ description: 'Model id.' }),
    version: Type.String({ description: 'Version that predicts, fixed when the job was submitted.' }),
    status: OneOf(JOB_STATUSES, 'Where the job stands.'),
    input_count: Type.Integer({ description: 'Rows to be predicted.' }),
    processed_count: Type.Integer({ description: 'Rows that are done, failed ones included.' }),
    failed_count: Type.Integer({ description: 'Rows that have no prediction.' }),
    progress: Type.Number({ minimum: 0, maximum: 1, description: 'Share done, 0 to 1.' }),
    rows_per_second: Nullable(Type.Number(), 'Rows done a second since the job began; null before the first.'),
    remaining_seconds: Nullable(Type.Number(), 'At this speed; null while it is not known, 0 at the end.'),
    output_format: BatchFormat,
    row_errors: Type.Optional(
      Type.Array(BatchRowError, { description: 'The first rows that failed, at most 100; with one job only.' }),
    ),
    error: Type.Optional(Type.String({ description: 'Why the job failed.' })),
    created_at: Timestamp,
    started_at: Nullable(Timestamp, 'When its first chunk was taken up; null while queued.'),
    finished_at: Nullable(Timestamp, 'When it ended; null before.'),
  },
  'A batch job.',
)
export type BatchJob = Static<typeof BatchJob>
