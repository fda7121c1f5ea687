// Training: what is asked for, and the job that does it.
import { type Static, Type } from 'typebox'
import { Trial } from './evaluation.ts'
import { Environment, MODEL_TYPES, ModelName, VersionNumber } from './models.ts'
import { AnyObject, Nullable, OneOf, Shape, Timestamp } from './schema.ts'

export const JOB_STATUSES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const
export type JobStatus = (typeof JOB_STATUSES)[number]

export const Evaluation = Shape(
  {
    metric: Type.Optional(Type.String({ description: 'Metric of the promotion gate; default f1 or rmse.' })),
    test_fraction: Type.Number({ exclusiveMinimum: 0, maximum: 0.5, default: 0.2, description: 'Held-out share.' }),
    folds: Type.Optional(Type.Integer({ minimum: 2, maximum: 20, description: 'Also report k-fold figures.' })),
    seed: Type.Integer({ minimum: 0, maximum: 4294967295, default: 42, description: 'Seed of everything random.' }),
    time_column: Type.Optional(
      Type.String({ description: 'Hold out the latest rows by this column instead of random ones.' }),
    ),
    group_column: Type.Optional(
      Type.String({
        description:
          'Rows of one value of this column (a customer, a patient) stay on one side; it is then no feature by default.',
      }),
    ),
  },
  'How the new version is measured.',
)
export type Evaluation = Static<typeof Evaluation>

export const Promotion = Shape(
  {
    environment: Type.Optional(Environment),
    metric: Type.Optional(Type.String({ description: 'Metric to compare; default: the metric of `evaluation`.' })),
    min_improvement: Type.Number({ minimum: 0, default: 0, description: 'Must be better by more than this.' }),
    require_significance: Type.Optional(
      Type.Number({
        minimum: 0.5,
        exclusiveMaximum: 1,
        description:
          'Must be better for sure: the interval of this width (such as 0.95) around the improvement, by paired bootstrap on the same held-out rows, must lie above `min_improvement`.',
      }),
    ),
  },
  'When the new version replaces the live one.',
)
export type Promotion = Static<typeof Promotion>

export const Tuning = Shape(
  {
    trials: Type.Integer({ minimum: 1, maximum: 1000, default: 30, description: 'Configurations to try, at most.' }),
    time_budget_seconds: Type.Number({
      exclusiveMinimum: 0,
      maximum: 86_400,
      default: 300,
      description:
        'Time for choosing and tuning, less than TRAINING_TIMEOUT_SECONDS of the service; the final training comes on top.',
    }),
  },
  'A search for better hyperparameters, by cross-validation on the training rows.',
)
export type Tuning = Static<typeof Tuning>

const trainFields = {
  model_name: ModelName,
  dataset_id: Type.String({ description: 'The dataset to learn from.' }),
  model_type: OneOf(MODEL_TYPES, 'What to predict: classes or numbers.'),
  target: Type.Optional(Type.String({ description: 'Column to predict; default: the target of the dataset.' })),
  features: Type.Optional(
    Type.Array(Type.String(), { minItems: 1, description: 'Columns to learn from; default: all but the target.' }),
  ),
  weight_column: Type.Optional(
    Type.String({
      description:
        'A number a row, 0 or more: how much it counts in learning (figures count every row alike). It is then no feature by default.',
    }),
  ),
  algorithm: Type.Optional(
    Type.String({
      description: 'See GET /algorithms; default: of those that accept the hyperparameters, the best by comparison.',
    }),
  ),
  hyperparameters: Type.Optional(AnyObject('Settings of the algorithm, checked before the job is accepted.')),
  evaluation: Type.Optional(
    Type.Partial(Evaluation, { additionalProperties: false, description: 'How to measure it.' }),
  ),
  promotion: Type.Optional(
    Type.Union([Type.Literal(false), Type.Partial(Promotion, { additionalProperties: false })], {
      description: 'The gate; false: never promote.',
    }),
  ),
  tuning: Type.Optional(
    Type.Partial(Tuning, {
      additionalProperties: false,
      description: 'Search the hyperparameters that are not given; see `search_space` of GET /algorithms.',
    }),
  ),
  version: Type.Optional(VersionNumber),
}
export const TrainRequest = Shape(trainFields, 'A training to be run.')
export type TrainRequest = Static<typeof TrainRequest>

export const TrainAccepted = Shape(
  {
    model_id: Type.String({ description: 'The model, new or existing.' }),
    job_id: Type.String({ description: 'The training job.' }),
    version: VersionNumber,
  },
  'A training that was accepted.',
)
export type TrainAccepted = Static<typeof TrainAccepted>

export const TrainingJob = Shape(
  {
    id: Type.String({ description: 'Job id, `job_…`.' }),
    model_id: Type.String({ description: 'Model id.' }),
    version: VersionNumber,
    dataset_id: Nullable(Type.String(), 'Dataset id; null where it learns from what was recorded (`travel.train`).'),
    hyperparameters: AnyObject('Settings as they were asked for.'),
    status: OneOf(JOB_STATUSES, 'Where the job stands.'),
    progress: Type.Number({ minimum: 0, maximum: 1, description: 'Share done, 0 to 1.' }),
    stage: Type.String({ description: 'What is being done.' }),
    message: Type.String({ description: 'The same in words.' }),
    trial: Type.Optional(Trial),
    error: Type.Optional(Type.String({ description: 'Why it failed.' })),
    created_at: Timestamp,
    started_at: Nullable(Timestamp, 'When a worker took it up; null while queued.'),
    finished_at: Nullable(Timestamp, 'When it ended; null before.'),
  },
  'A training job.',
)
export type TrainingJob = Static<typeof TrainingJob>

export const SearchedParameter = Shape(
  {
    name: Type.String({ description: 'Hyperparameter.' }),
    scale: OneOf(['linear', 'log', 'choice'] as const, 'How the range is searched, or that there are fixed values.'),
    low: Type.Optional(Type.Number({ description: 'Smallest value.' })),
    high: Type.Optional(Type.Number({ description: 'Largest value.' })),
    integer: Type.Optional(Type.Boolean({ description: 'Whole numbers only.' })),
    values: Type.Optional(Type.Array(Type.Unknown(), { description: 'The values of a choice.' })),
  },
  'A hyperparameter that a tuning searches.',
)

export const Algorithm = Shape(
  {
    name: Type.String({ description: 'Name for `algorithm`.' }),
    title: Type.String({ description: 'Name in words.' }),
    model_types: Type.Array(OneOf(MODEL_TYPES, 'Model type.'), { description: 'What it can predict.' }),
    hyperparameters: AnyObject('JSON Schema of its hyperparameters.'),
    search_space: Type.Array(SearchedParameter, { description: 'What a tuning searches.' }),
  },
  'A learning algorithm.',
)
export type Algorithm = Static<typeof Algorithm>
