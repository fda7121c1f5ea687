// Batch predictions from a program: jobs of the service, or with a `processBatch` of one's own, jobs of this process.
import type { BatchFormat, BatchJob } from '../contract/batch.ts'
import { BatchJobError } from './errors.ts'
import type { InputData, ModelManager } from './model-manager.ts'
import { createOwnJobs, type ProcessBatch } from './own-batch-jobs.ts'

export interface BatchSubmission {
  readonly modelId: string
  /** The rows; or give `datasetId`. */
  readonly inputBatch?: readonly InputData[]
  readonly datasetId?: string
  readonly version?: string
  /** Submitting the same job twice under one id is one job. */
  readonly jobId?: string
  readonly outputFormat?: BatchFormat
}

export interface BatchResult {
  /** Row of the input, counted from 0. */
  readonly row: number
  readonly prediction: unknown
  readonly confidence?: number
  readonly probabilities?: Readonly<Record<string, number>>
  /** Why this row has no prediction. */
  readonly error?: string
}

export interface ResultRange {
  readonly offset?: number
  readonly limit?: number
}

export interface BatchPredictor {
  /** @returns the job id. @throws BatchJobError */
  submitBatch(submission: BatchSubmission): Promise<string>
  /** @throws BatchJobError */
  getBatchStatus(jobId: string): Promise<BatchJob>
  /** In the order of the input. @throws BatchJobError while the job has not succeeded. */
  getBatchResults(jobId: string, range?: ResultRange): Promise<readonly BatchResult[]>
  /** @throws BatchJobError once the job has ended. */
  cancel(jobId: string): Promise<BatchJob>
}

export interface BatchPredictorOptions {
  readonly modelManager: ModelManager
  /** Predicts the rows instead of the service: its jobs live in this process, and end with it. */
  readonly processBatch?: ProcessBatch
}

export function createBatchPredictor({ modelManager, processBatch }: BatchPredictorOptions): BatchPredictor {
  const jobs = processBatch ? createOwnJobs(processBatch) : createServiceJobs(modelManager)
  const told = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw BatchJobError.from(error)
    }
  }
  return {
    submitBatch: (submission) => told(() => jobs.submitBatch(submission)),
    getBatchStatus: (jobId) => told(() => jobs.getBatchStatus(jobId)),
    getBatchResults: (jobId, range) => told(() => jobs.getBatchResults(jobId, range)),
    cancel: (jobId) => told(() => jobs.cancel(jobId)),
  }
}

function createServiceJobs({ client }: ModelManager): BatchPredictor {
  return {
    async submitBatch({ modelId, inputBatch, datasetId, version, jobId, outputFormat }) {
      const { id } = await client.batch_jobs.create({
        model_id: modelId,
        ...(inputBatch && { input_batch: inputBatch as unknown[][] }),
        ...(datasetId !== undefined && { dataset_id: datasetId }),
        ...(version !== undefined && { version }),
        ...(jobId !== undefined && { job_id: jobId }),
        ...(outputFormat !== undefined && { output_format: outputFormat }),
      })
      return id
    },
    getBatchStatus: (jobId) => client.batch_jobs.get({ job_id: jobId }),
    async getBatchResults(jobId, range = {}) {
      const { stream } = await client.batch_jobs.results({ job_id: jobId, format: 'jsonl', ...range })
      const text = await new Response(stream).text()
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as BatchResult)
    },
    cancel: (jobId) => client.batch_jobs.cancel({ job_id: jobId }),
  }
}
