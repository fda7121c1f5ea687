import { Type } from 'typebox'
import { BATCH_FORMATS, BATCH_MEDIA_TYPES, BatchAccepted, BatchJob, BatchRequest } from '../batch.ts'
import { command, query } from '../operation.ts'
import { OneOf, Page, pageFields, Shape } from '../schema.ts'
import { JOB_STATUSES } from '../training.ts'

const tag = 'Batch jobs'
const base = '/api/v1/ml/batch-jobs'
const job_id = Type.String({ description: 'Batch job id.' })

export const batchOperations = {
  'batch_jobs.create': command({
    method: 'POST',
    path: base,
    tag,
    summary:
      'Predict a whole table in the background: rows, a dataset, an uploaded file, or files in the object store.',
    permission: 'predict',
    body: 'fields-or-file',
    reply: 'envelope',
    status: 202,
    message: 'Batch job accepted',
    idempotent: true,
    input: BatchRequest,
    output: BatchAccepted,
  }),
  'batch_jobs.list': query({
    method: 'GET',
    path: base,
    tag,
    summary: 'List batch jobs, newest first.',
    reply: 'envelope',
    input: Shape({
      ...pageFields,
      status: Type.Optional(OneOf(JOB_STATUSES, 'Only jobs in this state.')),
      model_id: Type.Optional(Type.String({ description: 'Only jobs of this model (id or name).' })),
    }),
    output: Page(BatchJob),
  }),
  'batch_jobs.get': query({
    method: 'GET',
    path: `${base}/{job_id}`,
    tag,
    summary: 'One batch job with its progress and the first rows that failed.',
    reply: 'envelope',
    input: Shape({ job_id }),
    output: BatchJob,
  }),
  'batch_jobs.events': query({
    method: 'GET',
    path: `${base}/{job_id}/events`,
    tag,
    summary: 'Follow a job: server-sent events `progress`, then one of `succeeded`, `failed`, `cancelled`.',
    reply: 'events',
    input: Shape({ job_id }),
    output: BatchJob,
  }),
  'batch_jobs.results': query({
    method: 'GET',
    path: `${base}/{job_id}/results`,
    tag,
    summary: 'The results in the order of the input, once the job has succeeded; 409 before.',
    permission: 'predict',
    reply: 'download',
    mediaTypes: [BATCH_MEDIA_TYPES.jsonl, BATCH_MEDIA_TYPES.csv, BATCH_MEDIA_TYPES.parquet],
    input: Shape({
      job_id,
      format: Type.Optional(OneOf(BATCH_FORMATS, 'Default: the `output_format` of the job.')),
      offset: Type.Optional(
        Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0, description: 'Rows to skip.' }),
      ),
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'Rows to send; default: all.' }),
      ),
    }),
    output: Type.String({
      format: 'binary',
      description: 'One result a row: `row`, `prediction` and what comes with it.',
    }),
  }),
  'batch_jobs.cancel': command({
    method: 'POST',
    path: `${base}/{job_id}/cancel`,
    tag,
    summary: 'Stop a queued or running job; 409 once it has ended.',
    permission: 'predict',
    reply: 'envelope',
    message: 'Batch job cancelled',
    input: Shape({ job_id }),
    output: BatchJob,
  }),
  'batch_jobs.delete': command({
    method: 'DELETE',
    path: `${base}/{job_id}`,
    tag,
    summary: 'Delete a job that has ended, with its results.',
    permission: 'predict',
    body: 'query',
    reply: 'envelope',
    message: 'Batch job deleted',
    input: Shape({ job_id }),
    output: Shape({ id: job_id }),
  }),
}
