import { Type } from 'typebox'
import { EvaluationReport } from '../evaluation.ts'
import { VersionExplanation } from '../explanations.ts'
import {
  Comparison,
  DEFAULT_ENVIRONMENT,
  Deployment,
  Environment,
  LineageReport,
  MODEL_TYPES,
  Model,
  ModelName,
  ModelVersion,
  VersionMetadata,
  VersionNumber,
} from '../models.ts'
import { command, query } from '../operation.ts'
import { precision } from '../quantization.ts'
import { RolloutReport } from '../rollouts.ts'
import { AnyObject, Nullable, OneOf, Page, pageFields, Shape } from '../schema.ts'
import { Strategy } from '../strategy.ts'

const tag = 'Models'
const base = '/api/v1/ml/models'
const model_id = Type.String({ description: 'Model id or name.' })
const environment = { ...Environment, default: DEFAULT_ENVIRONMENT }
const description = Nullable(Type.String({ maxLength: 4096 }), 'What the model is for.')
const metadata = AnyObject('Free-form labels.')

export const modelOperations = {
  'models.list': query({
    method: 'GET',
    path: base,
    tag,
    summary: 'List models, newest first.',
    reply: 'envelope',
    input: Shape({ ...pageFields, type: Type.Optional(OneOf(MODEL_TYPES, 'Only models of this type.')) }),
    output: Page(Model),
  }),
  'models.create': command({
    method: 'POST',
    path: base,
    tag,
    summary: 'Define a model that has no version yet.',
    reply: 'envelope',
    status: 201,
    message: 'Model created',
    idempotent: true,
    input: Shape({
      name: ModelName,
      description: Type.Optional(description),
      type: OneOf(MODEL_TYPES, 'What it will predict.'),
      metadata: Type.Optional(metadata),
    }),
    output: Model,
  }),
  'models.get': query({
    method: 'GET',
    path: `${base}/{model_id}`,
    tag,
    summary: 'One model.',
    reply: 'envelope',
    input: Shape({ model_id }),
    output: Model,
  }),
  'models.update': command({
    method: 'PATCH',
    path: `${base}/{model_id}`,
    tag,
    summary: 'Change name, description or labels; a field left out stays, null clears.',
    reply: 'envelope',
    message: 'Model updated',
    input: Shape({
      model_id,
      name: Type.Optional(ModelName),
      description: Type.Optional(description),
      metadata: Type.Optional(metadata),
    }),
    output: Model,
  }),
  'models.delete': command({
    method: 'DELETE',
    path: `${base}/{model_id}`,
    tag,
    summary: 'Delete a model with all its versions; 409 while a version is live, unless forced.',
    body: 'query',
    reply: 'envelope',
    message: 'Model deleted',
    input: Shape({
      model_id,
      force: Type.Optional(Type.Boolean({ default: false, description: 'Delete even while it takes traffic.' })),
    }),
    output: Shape({ id: Type.String({ description: 'Model id.' }) }),
  }),
  'versions.list': query({
    method: 'GET',
    path: `${base}/{model_id}/versions`,
    tag,
    summary: 'List the versions of a model, highest first.',
    reply: 'envelope',
    input: Shape({ model_id, ...pageFields }),
    output: Page(ModelVersion),
  }),
  'versions.get': query({
    method: 'GET',
    path: `${base}/{model_id}/versions/{version}`,
    tag,
    summary: 'One version.',
    reply: 'envelope',
    input: Shape({ model_id, version: VersionNumber }),
    output: ModelVersion,
  }),
  'versions.import': command({
    method: 'POST',
    path: `${base}/{model_id}/versions`,
    tag,
    summary: 'Register an ONNX file that was trained elsewhere, or the folder of an MLflow model as .zip or .tar.gz.',
    body: 'file',
    reply: 'envelope',
    status: 201,
    idempotent: true,
    message: 'Version imported',
    input: Shape({
      model_id,
      version: Type.Optional(VersionNumber),
      metrics: Type.Optional(Type.Record(Type.String(), Type.Number(), { description: 'Figures known of it.' })),
      labels: Type.Optional(
        Type.Array(Type.String(), { uniqueItems: true, description: 'Class names, in the order of the scores.' }),
      ),
      dataset_id: Type.Optional(
        Type.String({
          description: 'Dataset whose rows explanations compare with: columns by name, or as many in the same order.',
        }),
      ),
      trusted: Type.Optional(
        Type.Boolean({
          default: false,
          description: 'You know where the file comes from: it may run among models trained here, which is faster.',
        }),
      ),
    }),
    output: ModelVersion,
  }),
  'versions.trust': command({
    method: 'POST',
    path: `${base}/{model_id}/versions/{version}/trust`,
    tag,
    summary: 'Vouch for an imported version, or take that back; without it, it runs in a process of its own.',
    reply: 'envelope',
    message: 'Trust changed',
    input: Shape({
      model_id,
      version: VersionNumber,
      trusted: Type.Boolean({ description: 'Whether its file may run among models trained here.' }),
    }),
    output: ModelVersion,
  }),
  'versions.quantize': command({
    method: 'POST',
    path: `${base}/{model_id}/versions/{version}/quantize`,
    tag,
    summary: 'Make a smaller copy of a version, measure what it costs and brings, and let the gate decide on it.',
    reply: 'envelope',
    status: 201,
    message: 'Version quantized',
    idempotent: true,
    long: true,
    input: Shape({
      model_id,
      version: VersionNumber,
      precision: Type.Optional({ ...precision, default: 'int8' }),
      new_version: Type.Optional({ ...VersionNumber, description: 'Number of the copy; default: the next.' }),
      dataset_id: Type.Optional(
        Type.String({ description: 'Measure on this dataset (it needs a target); default: the rows held out before.' }),
      ),
      promotion: Type.Optional(
        Type.Union(
          [
            Type.Literal(false),
            Shape({
              environment: Type.Optional(Environment),
              metric: Type.Optional(Type.String({ description: 'Metric to compare; default: that of the training.' })),
              max_loss: Type.Optional(
                Type.Number({
                  minimum: 0,
                  description: 'It takes over if its metric is worse than that of the live version by at most this; 0.',
                }),
              ),
            }),
          ],
          { description: 'The gate; false: never promote.' },
        ),
      ),
    }),
    output: ModelVersion,
  }),
  'versions.artifact': query({
    method: 'GET',
    path: `${base}/{model_id}/versions/{version}/artifact`,
    tag,
    summary: 'The ONNX file.',
    reply: 'download',
    input: Shape({ model_id, version: VersionNumber }),
    output: Type.String({ format: 'binary', description: 'The bytes of model.onnx.' }),
  }),
  'versions.metadata': query({
    method: 'GET',
    path: `${base}/{model_id}/versions/{version}/metadata`,
    tag,
    summary: 'metadata.json of a version.',
    reply: 'bare',
    input: Shape({ model_id, version: VersionNumber }),
    output: VersionMetadata,
  }),
  'versions.evaluation': query({
    method: 'GET',
    path: `${base}/{model_id}/versions/{version}/evaluation`,
    tag,
    summary: 'Everything that was measured when a version was trained; 404 for an imported one.',
    reply: 'envelope',
    input: Shape({ model_id, version: VersionNumber }),
    output: EvaluationReport,
  }),
  'versions.explanation': query({
    method: 'GET',
    path: `${base}/{model_id}/versions/{version}/explanation`,
    tag,
    summary: 'What matters to a version: importance of its columns, partial dependence, background of explanations.',
    reply: 'envelope',
    input: Shape({ model_id, version: VersionNumber }),
    output: VersionExplanation,
  }),
  'versions.compare': query({
    method: 'GET',
    path: `${base}/{model_id}/versions/{a}/compare/{b}`,
    tag,
    summary: 'Two versions side by side.',
    reply: 'envelope',
    input: Shape({ model_id, a: VersionNumber, b: VersionNumber }),
    output: Comparison,
  }),
  'models.lineage': query({
    method: 'GET',
    path: `${base}/{model_id}/lineage`,
    tag,
    summary: 'What every version was made from.',
    reply: 'envelope',
    input: Shape({ model_id }),
    output: LineageReport,
  }),
  'models.deploy': command({
    method: 'POST',
    path: `${base}/{model_id}/deploy`,
    tag,
    summary: 'Make a version live in an environment, roll it out to a share of the traffic, or change that share.',
    reply: 'envelope',
    message: 'Model deployed',
    input: Shape({
      model_id,
      version: VersionNumber,
      environment: Type.Optional(environment),
      strategy: Type.Optional(Strategy),
      reason: Type.Optional(Type.String({ maxLength: 1024, description: 'Why; kept in the history.' })),
    }),
    output: Deployment,
  }),
  'models.rollback': command({
    method: 'POST',
    path: `${base}/{model_id}/rollback`,
    tag,
    summary: 'End the roll-out that is running, else go back to the version that was live before.',
    reply: 'envelope',
    message: 'Model rolled back',
    input: Shape({
      model_id,
      environment: Type.Optional(environment),
      reason: Type.Optional(Type.String({ maxLength: 1024, description: 'Why; kept in the history.' })),
    }),
    output: Deployment,
  }),
  'models.deployments': query({
    method: 'GET',
    path: `${base}/{model_id}/deployments`,
    tag,
    summary: 'What was live when, and who did it: newest first, never rewritten.',
    reply: 'envelope',
    input: Shape({ model_id, ...pageFields }),
    output: Page(Deployment),
  }),
  'rollouts.get': query({
    method: 'GET',
    path: `${base}/{model_id}/rollouts/{environment}`,
    tag,
    summary:
      'The roll-out that is running in an environment, else the last one: traffic, errors, latency, quality, and what follows.',
    reply: 'envelope',
    input: Shape({ model_id, environment: Environment }),
    output: RolloutReport,
  }),
}
