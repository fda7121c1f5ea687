// Batch jobs: predictions of whole tables, in chunks that any worker takes.
export { sampleBatchQueue } from './depth.ts'
export { followBatchJob } from './follow.ts'
export { cancelBatchJob, deleteBatchJob, getBatchJob, listBatchJobs } from './jobs.ts'
export { getBatchResults } from './results.ts'
export { submitBatch } from './submit.ts'
export { sweepBatchFolders, sweepBatchJobs, sweepTurns } from './sweep.ts'
export { startBatchWorker } from './worker.ts'
