// Batch jobs predicted by a function of the user's own. They live in memory: a function cannot travel to another machine, and
// its results are values of the program already.
import type { BatchJob } from '../contract/batch.ts'
import { systemClock } from '../core/clock.ts'
import { asFailure, fail, notFound } from '../core/failure.ts'
import { newId } from '../core/ids.ts'
import type { BatchPredictor, BatchResult } from './batch-predictor.ts'
import type { InputData } from './model-manager.ts'

/** One prediction a row, in order; an object with a `prediction` is taken as the whole result. */
export type ProcessBatch = (
  modelId: string,
  rows: readonly InputData[],
) => Promise<readonly unknown[]> | readonly unknown[]

const ROWS_A_CALL = 1000

interface OwnJob {
  document: BatchJob
  readonly rows: readonly InputData[]
  readonly results: BatchResult[]
}

export function createOwnJobs(processBatch: ProcessBatch): BatchPredictor {
  const jobs = new Map<string, OwnJob>()
  const find = (id: string): OwnJob => {
    const job = jobs.get(id)
    if (!job) throw notFound('batch job', id)
    return job
  }
  return {
    async submitBatch({ modelId, inputBatch, version = '1.0.0', jobId = newId('batch'), outputFormat = 'jsonl' }) {
      if (jobs.has(jobId)) return jobId
      if (!inputBatch || inputBatch.length === 0) {
        throw fail('invalid', 'BATCH_INPUT_UNSUPPORTED', 'An own processBatch takes rows: give inputBatch')
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
      const job: OwnJob = { document, rows: inputBatch, results: [] }
      jobs.set(jobId, job)
      void run(job, processBatch)
      return jobId
    },
    getBatchStatus: async (id) => find(id).document,
    async getBatchResults(id, { offset = 0, limit = Number.POSITIVE_INFINITY } = {}) {
      const { document, results } = find(id)
      if (document.status === 'succeeded') return results.slice(offset, offset + limit)
      throw fail('conflict', 'BATCH_JOB_NOT_FINISHED', `Batch job ${id} is ${document.status}; it has no results yet`)
    },
    async cancel(id) {
      const job = find(id)
      if (job.document.finished_at !== null) throw fail('conflict', 'JOB_ENDED', `Batch job ${id} has already ended`)
      end(job, { status: 'cancelled' })
      return job.document
    },
  }
}

function end(job: OwnJob, change: Partial<BatchJob>): void {
  job.document = { ...job.document, ...change, finished_at: systemClock.now().toISOString(), remaining_seconds: 0 }
}

async function run(job: OwnJob, processBatch: ProcessBatch): Promise<void> {
  const started = systemClock.elapsedMs()
  job.document = { ...job.document, status: 'running', started_at: systemClock.now().toISOString() }
  try {
    for (let from = 0; from < job.rows.length; from += ROWS_A_CALL) {
      const rows = job.rows.slice(from, from + ROWS_A_CALL)
      const answers = await processBatch(job.document.model_id, rows)
      if (job.document.finished_at !== null) return
      if (answers.length !== rows.length) {
        const words = `processBatch gave ${answers.length} results for ${rows.length} rows`
        throw fail('internal', 'MODEL_OUTPUT_INVALID', words)
      }
      for (const [i, answer] of answers.entries()) job.results.push(resultOf(from + i, answer))
      job.document = { ...job.document, ...progressOf(job, systemClock.elapsedMs() - started) }
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

function progressOf({ rows, results }: OwnJob, elapsedMs: number): Partial<BatchJob> {
  const speed = (results.length / Math.max(elapsedMs, 1)) * 1000
  return {
    processed_count: results.length,
    failed_count: results.filter(({ error }) => error !== undefined).length,
    progress: results.length / rows.length,
    rows_per_second: speed,
    remaining_seconds: (rows.length - results.length) / speed,
  }
}
