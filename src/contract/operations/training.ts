import { Type } from 'typebox'
import { command, query } from '../operation.ts'
import { OneOf, Page, pageFields, Shape } from '../schema.ts'
import { Algorithm, JOB_STATUSES, TrainAccepted, TrainingJob, TrainRequest } from '../training.ts'

const tag = 'Training'
const base = '/api/v1/ml/training-jobs'
const job_id = Type.String({ description: 'Training job id.' })

export const trainingOperations = {
  'models.train': command({
    method: 'POST',
    path: '/api/v1/ml/models/train',
    tag,
    summary: 'Train a new version of a model; the model is made if there is none of that name.',
    reply: 'envelope',
    status: 202,
    message: 'Model training initiated',
    idempotent: true,
    input: TrainRequest,
    output: TrainAccepted,
  }),
  'algorithms.list': query({
    method: 'GET',
    path: '/api/v1/ml/algorithms',
    tag,
    summary: 'Every algorithm with the JSON Schema of its hyperparameters.',
    reply: 'envelope',
    input: Shape({}),
    output: Shape({ items: Type.Array(Algorithm, { description: 'The algorithms.' }) }),
  }),
  'training_jobs.list': query({
    method: 'GET',
    path: base,
    tag,
    summary: 'List training jobs, newest first.',
    reply: 'envelope',
    input: Shape({
      ...pageFields,
      status: Type.Optional(OneOf(JOB_STATUSES, 'Only jobs in this state.')),
      model_id: Type.Optional(Type.String({ description: 'Only jobs of this model (id or name).' })),
    }),
    output: Page(TrainingJob),
  }),
  'training_jobs.get': query({
    method: 'GET',
    path: `${base}/{job_id}`,
    tag,
    summary: 'One training job.',
    reply: 'envelope',
    input: Shape({ job_id }),
    output: TrainingJob,
  }),
  'training_jobs.cancel': command({
    method: 'POST',
    path: `${base}/{job_id}/cancel`,
    tag,
    summary: 'Stop a queued or running job; 409 once it has ended.',
    reply: 'envelope',
    message: 'Training cancelled',
    input: Shape({ job_id }),
    output: TrainingJob,
  }),
  'training_jobs.events': query({
    method: 'GET',
    path: `${base}/{job_id}/events`,
    tag,
    summary: 'Follow a job: server-sent events `progress` and `trial`, then one of `succeeded`, `failed`, `cancelled`.',
    reply: 'events',
    input: Shape({ job_id }),
    output: TrainingJob,
  }),
}
