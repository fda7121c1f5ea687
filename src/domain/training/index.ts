// Training: accepting jobs, running them, turning what they made into versions.
export { listAlgorithms } from './algorithms.ts'
export { cancelJob } from './cancel.ts'
export { followJob } from './follow.ts'
export { getJob, listJobs } from './jobs.ts'
export { quantizeVersion } from './quantize/quantize.ts'
export { abandonTraining, runTraining } from './run.ts'
export { submitTraining, submitTrainingAs } from './submit.ts'
