// The registry: models, their versions, and which version is live where.
import { type Static, Type } from 'typebox'
import { COLUMN_DTYPES } from './datasets.ts'
import { Quantization } from './quantization.ts'
import { AnyObject, Nullable, OneOf, Shape, Timestamp } from './schema.ts'
import { ROLLOUT_TYPES, Strategy } from './strategy.ts'

export const MODEL_TYPES = ['classification', 'regression', 'recommendation', 'custom'] as const
export type ModelType = (typeof MODEL_TYPES)[number]

export const VERSION_STATUSES = ['training', 'trained', 'rejected', 'deployed', 'archived', 'failed'] as const
export type VersionStatus = (typeof VERSION_STATUSES)[number]

export const DEFAULT_ENVIRONMENT = 'production'

export const ModelName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$',
  description: 'Model name: letters, digits, "_", "-", "."; at most 128; unique within the tenant.',
})
export const Environment = Type.String({
  pattern: '^[a-z][a-z0-9_-]{0,62}$',
  description: 'Where a version takes traffic, such as "production" or "staging".',
})
export const VersionNumber = Type.String({
  pattern: '^(0|[1-9]\\d{0,14})\\.(0|[1-9]\\d{0,14})\\.(0|[1-9]\\d{0,14})$',
  description: 'Semantic version, such as "1.0.0"; numbers of at most 15 digits.',
})

export const RunningRollout = Shape(
  {
    version: VersionNumber,
    type: OneOf(ROLLOUT_TYPES, 'Whether it answers a share of the traffic or only copies of it.'),
    percent: Type.Number({ description: 'Share of the traffic, in percent.' }),
    started_at: Timestamp,
  },
  'A version beside the live one.',
)
export type RunningRollout = Static<typeof RunningRollout>

export const Model = Shape(
  {
    id: Type.String({ description: 'Model id, `model_…`.' }),
    tenant_id: Type.String({ description: 'Owner.' }),
    name: ModelName,
    description: Nullable(Type.String(), 'What the model is for.'),
    type: OneOf(MODEL_TYPES, 'What the model predicts.'),
    target: Type.Optional(Type.String({ description: 'The column it predicts.' })),
    metadata: AnyObject('Free-form labels of the owner.'),
    latest_version: Nullable(Type.String(), 'Highest version, whatever its status.'),
    deployments: Type.Record(Type.String(), Type.String(), { description: 'Live version of each environment.' }),
    rollouts: Type.Optional(
      Type.Record(Type.String(), RunningRollout, {
        description: 'What is being rolled out where, beside the live version.',
      }),
    ),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  'A named model; its versions hold the artefacts.',
)
export type Model = Static<typeof Model>

export const SignatureInput = Shape({
  name: Type.String({ description: 'Column name; also the name of the input of the ONNX graph.' }),
  dtype: OneOf(COLUMN_DTYPES, 'Type of the values.'),
  nullable: Type.Boolean({ description: 'May be left out; a missing value is then filled as in training.' }),
  categories: Type.Optional(
    Type.Array(Type.String(), { description: 'Values seen in training; others are accepted.' }),
  ),
  min: Type.Optional(Type.Number({ description: 'Smallest value seen in training.' })),
  max: Type.Optional(Type.Number({ description: 'Largest value seen in training.' })),
})
export type SignatureInput = Static<typeof SignatureInput>

export const SignatureOutput = Shape({
  name: Type.String({ description: 'Name of the output of the ONNX graph.' }),
  dtype: OneOf(['number', 'integer', 'boolean', 'string'] as const, 'Type of the values.'),
  categories: Type.Optional(Type.Array(Type.String(), { description: 'Classes, in the order of the probabilities.' })),
})
export type SignatureOutput = Static<typeof SignatureOutput>

export const Signature = Shape(
  {
    inputs: Type.Array(SignatureInput, { description: 'What a prediction takes, in order.' }),
    outputs: Type.Array(SignatureOutput, { description: 'What the model answers.' }),
  },
  'What goes into a version and what comes out.',
)
export type Signature = Static<typeof Signature>

export const Lineage = Shape(
  {
    dataset_id: Nullable(Type.String(), 'The dataset it was trained on; null for imported versions.'),
    dataset_sha256: Nullable(Type.String(), 'SHA-256 of that dataset.'),
    parent_version: Nullable(Type.String(), 'The version that was live when this one was trained.'),
    training_job_id: Nullable(Type.String(), 'The job that trained it.'),
    code_version: Type.String({ description: 'Version of Modelyard that made it.' }),
    seed: Nullable(Type.Integer(), 'Seed of split, shuffles and initial weights.'),
    environment: AnyObject('Runtime it was made with (Node.js, ONNX Runtime, platform).'),
  },
  'Where a version comes from.',
)
export type Lineage = Static<typeof Lineage>

export const ModelVersion = Shape(
  {
    model_id: Type.String({ description: 'Model id.' }),
    version: VersionNumber,
    status: OneOf(VERSION_STATUSES, 'Where the version stands in its life.'),
    algorithm: Nullable(Type.String(), 'Learning algorithm; null while undecided and for imported versions.'),
    hyperparameters: AnyObject('Settings it was trained with, defaults filled in.'),
    metrics: Type.Record(Type.String(), Type.Number(), { description: 'Figures on the held-out rows.' }),
    artifact_url: Nullable(Type.String(), 'Where the ONNX file lies in the artefact store.'),
    artifact_sha256: Nullable(Type.String(), 'SHA-256 of the ONNX file, in hex.'),
    signature: Nullable(Signature, 'Inputs and outputs; null until trained.'),
    trusted: Type.Boolean({
      description: 'False: imported, and nobody has vouched for the file; it runs in a process of its own.',
    }),
    lineage: Lineage,
    created_at: Timestamp,
    trained_at: Nullable(Timestamp, 'When training ended.'),
    error: Type.Optional(Type.String({ description: 'Why it failed or was rejected.' })),
    quantization: Type.Optional(Quantization),
  },
  'One version of a model.',
)
export type ModelVersion = Static<typeof ModelVersion>

export const Deployment = Shape(
  {
    id: Type.String({ description: 'Deployment id, `dep_…`.' }),
    model_id: Type.String({ description: 'Model id.' }),
    environment: Environment,
    version: { ...VersionNumber, description: 'The version that takes traffic by it.' },
    from_version: Nullable(Type.String(), 'The version that answered before, or beside it.'),
    action: OneOf(['promote', 'deploy', 'rollback'] as const, 'What caused it.'),
    strategy: Strategy,
    actor: Type.String({ description: 'Who did it.' }),
    reason: Type.String({ description: 'Why.' }),
    created_at: Timestamp,
  },
  'One entry of the append-only deployment history.',
)
export type Deployment = Static<typeof Deployment>

/** `metadata.json`, stored beside every artefact. */
export const VersionMetadata = Shape(
  {
    model_version_id: Type.String({ description: '`{model_id}:{version}`.' }),
    model_name: Type.Optional(Type.String({ description: 'Name of the model when the version was registered.' })),
    model_type: Type.Optional(OneOf(MODEL_TYPES, 'What the model predicts.')),
    metric: Shape(
      {
        name: Type.String({ description: 'Metric the gate compared.' }),
        value: Nullable(Type.Number(), 'Its value on the held-out rows.'),
      },
      'The deciding figure.',
    ),
    training_data_file: Nullable(Type.String(), 'Name of the dataset.'),
    trained_at: Timestamp,
    feature_schema_version: Type.String({ description: 'Digest of the input columns and their types.' }),
    schema_version: Type.Integer({ description: 'Version of this document.' }),
    signature: Signature,
  },
  'The document that lies beside every model file.',
)
export type VersionMetadata = Static<typeof VersionMetadata>

export const Comparison = Shape(
  {
    a: ModelVersion,
    b: ModelVersion,
    metrics: Type.Array(
      Shape({
        name: Type.String({ description: 'Metric.' }),
        a: Nullable(Type.Number(), 'Value of version a.'),
        b: Nullable(Type.Number(), 'Value of version b.'),
        difference: Nullable(Type.Number(), 'b − a.'),
        better: Nullable(OneOf(['a', 'b', 'same'] as const, 'Winner.'), 'Which version is better; null if unknown.'),
      }),
      { description: 'Figures side by side, each on its own held-out rows.' },
    ),
    hyperparameters: Type.Array(
      Shape({
        name: Type.String({ description: 'Hyperparameter.' }),
        a: Type.Unknown({ description: 'Value in a.' }),
        b: Type.Unknown({ description: 'Value in b.' }),
      }),
      { description: 'Settings that differ.' },
    ),
    same_dataset: Type.Boolean({ description: 'Both were trained on the same bytes, so the figures are comparable.' }),
  },
  'Two versions side by side.',
)
export type Comparison = Static<typeof Comparison>

export const LineageReport = Shape(
  {
    model_id: Type.String({ description: 'Model id.' }),
    versions: Type.Array(
      Shape({
        version: VersionNumber,
        status: OneOf(VERSION_STATUSES, 'Status.'),
        lineage: Lineage,
        artifact_sha256: Nullable(Type.String(), 'SHA-256 of the ONNX file.'),
        created_at: Timestamp,
      }),
      { description: 'Every version, newest first, with what it was made from.' },
    ),
  },
  'Where the versions of a model come from.',
)
export type LineageReport = Static<typeof LineageReport>
