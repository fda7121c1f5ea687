// Batch jobs predicted by a function of the user's own. They live in memory: a function cannot travel to another machine, and
// its results are values of the program already. Only the last of those that ended are kept: a program may run for months.
import { createHash } from 'node:crypto'
import { serialize } from 'node:v8'
import type { BatchJob, BatchRowError } from '../contract/batch.ts'
import { systemClock } from '../core/clock.ts'
import { asFailure, fail, notFound } from '../core/failure.ts'
import { newId } from '../core/ids.ts'
import type { BatchPredictor, BatchResult, BatchSubmission } from './batch-predictor.ts'
import type { InputData } from './model-manager.ts'

/** One prediction a row, in order; an object with a `prediction` is taken as the whole result. */
export type ProcessBatch = (
  modelId: string,
  rows: readonly InputData[],
) => Promise<readonly unknown[]> | readonly unknown[]

const ROWS_A_CALL = 1000
const MAX_ENDED = 1000
const MAX_ROW_ERRORS = 100

interface OwnJob {
  document: BatchJob
  /** Of what was asked for. */
  readonly digest: string
  readonly results: BatchResult[]
  readonly errors: BatchRowError[]
}

export function createOwnJobs(processBatch: ProcessBatch): BatchPredictor {
  const jobs = new Map<string, OwnJob>()
  const find = (id: string): OwnJob => {
    const job = jobs.get(id)
    if (!job) throw notFound('batch job', id)
    return job
  }
  const forgetOldest = () => {
    const ended = [...jobs.values()].filter(({ document }) => document.finished_at !== null)
    for (const { document } of ended.slice(0, -MAX_ENDED)) jobs.delete(document.id)
  }
  return {
    async submitBatch(submission) {
      const { modelId, inputBatch, version = '1.0.0', jobId = newId('batch'), outputFormat = 'jsonl' } = submission
      if (!inputBatch || inputBatch.length === 0) {
        throw fail('invalid', 'BATCH_INPUT_UNSUPPORTED', 'An own processBatch takes rows: give inputBatch')
      }
      const digest = digestOf(submission)
      const known = jobs.get(jobId)
      if (known?.digest === digest) return jobId
      if (known) {
        const words = `There is a batch job "${jobId}" already, and it asks for something else`
        throw fail('conflict', 'BATCH_JOB_EXISTS', words)
      }
      const document: BatchJob = {
        id: jobId,
        model_id: modelId,
        version,
        status: 'queued',
        input_count: inputBatch.length,
        processed_count: 0,
        failed_count: 0,
        progress: 0,
        rows_per_second: null,
        remaining_seconds: null,
        output_format: outputFormat,
        created_at: systemClock.now().toISOString(),
        started_at: null,
        finished_at: null,
      }
      const job: OwnJob = { document, digest, results: [], errors: [] }
      jobs.set(jobId, job)
      void run(job, [...inputBatch], processBatch).then(forgetOldest)
      return jobId
    },
    async getBatchStatus(id) {
      const { document, errors } = find(id)
      return { ...document, ...(errors.length > 0 && { row_errors: [...errors] }) }
    },
    async getBatchResults(id, { offset = 0, limit = Number.POSITIVE_INFINITY } = {}) {
      const { document, results } = find(id)
      const { status, error } = document
      if (status === 'succeeded') return results.slice(offset, offset + limit)
      if (document.finished_at === null) {
        throw fail('conflict', 'BATCH_JOB_NOT_FINISHED', `Batch job ${id} is ${status}; it has no results yet`)
      }
      const why = status === 'failed' ? `has failed: ${error}` : 'was cancelled'
      throw fail('conflict', 'BATCH_JOB_NOT_SUCCEEDED', `Batch job ${id} ${why}; it has no results`)
    },
    async cancel(id) {
      const job = find(id)
      if (job.document.finished_at !== null) throw fail('conflict', 'JOB_ENDED', `Batch job ${id} has already ended`)
      end(job, { status: 'cancelled' })
      return job.document
    },
  }
}

/** Row by row, and not as JSON: what goes to a function of one's own may hold anything that can be copied. */
function digestOf({ inputBatch = [], modelId, version, outputFormat }: BatchSubmission): string {
  const hash = createHash('sha256').update(JSON.stringify([modelId, version, outputFormat]))
  for (const row of inputBatch) hash.update(serialize(row))
  return hash.digest('hex')
}

function end(job: OwnJob, change: Partial<BatchJob>): void {
  job.document = { ...job.document, ...change, finished_at: systemClock.now().toISOString(), remaining_seconds: 0 }
}

async function run(job: OwnJob, all: readonly InputData[], processBatch: ProcessBatch): Promise<void> {
  const started = systemClock.elapsedMs()
  const { document } = job
  job.document = { ...document, status: 'running', started_at: systemClock.now().toISOString() }
  try {
    for (let from = 0; from < all.length; from += ROWS_A_CALL) {
      const rows = all.slice(from, from + ROWS_A_CALL)
      const answers = await processBatch(document.model_id, rows)
      if (job.document.finished_at !== null) return
      if (answers.length !== rows.length) {
        const words = `processBatch gave ${answers.length} results for ${rows.length} rows`
        throw fail('internal', 'MODEL_OUTPUT_INVALID', words)
      }
      const results = answers.map((answer, i) => resultOf(from + i, answer))
      for (const result of results) job.results.push(result)
      job.document = { ...job.document, ...progressOf(job, results, systemClock.elapsedMs() - started) }
    }
    end(job, { status: 'succeeded' })
  } catch (error) {
    if (job.document.finished_at === null) end(job, { status: 'failed', error: asFailure(error).message })
  }
}

function resultOf(row: number, answer: unknown): BatchResult {
  if (answer !== null && typeof answer === 'object' && 'prediction' in answer) return { row, ...answer }
  return { row, prediction: answer }
}

function progressOf({ document, results, errors }: OwnJob, added: readonly BatchResult[], elapsedMs: number) {
  const failed = added.filter(({ error }) => error !== undefined)
  for (const { row, error } of failed.slice(0, MAX_ROW_ERRORS - errors.length)) errors.push({ row, error: error! })
  const speed = (results.length / Math.max(elapsedMs, 1)) * 1000
  return {
    processed_count: results.length,
    failed_count: document.failed_count + failed.length,
    progress: results.length / document.input_count,
    rows_per_second: speed,
    remaining_seconds: (document.input_count - results.length) / speed,
  }
}
