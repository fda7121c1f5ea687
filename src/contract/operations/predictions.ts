import { Type } from 'typebox'
import { Environment, VersionNumber } from '../models.ts'
import { command, query } from '../operation.ts'
import { BatchPrediction, InferenceResponse, InputRow, Prediction, SimplePrediction } from '../predictions.ts'
import { AnyObject, Nullable, Shape } from '../schema.ts'

const tag = 'Predictions'
const base = '/api/v1/ml'
const model_id = Type.String({ description: 'Model id or name.' })
const version = Type.Optional({ ...VersionNumber, description: 'Default: the version that is live.' })
/** `Optional[str]` of spec 1: its clients write null where they name none. */
const versionOrNull = Type.Optional(Nullable(VersionNumber, 'Default, and where null: the version that is live.'))
const environment = Type.Optional({ ...Environment, description: 'Default: production.' })
const explain = Type.Optional(
  Type.Boolean({ default: false, description: 'Also say what each column contributed; for at most 100 rows.' }),
)

// Predictions change nothing a caller can see (the log of them is the service's own), so they are queries.
export const predictionOperations = {
  'models.predict': query({
    method: 'POST',
    path: `${base}/models/{model_id}/predict`,
    tag,
    summary: 'Predict one row.',
    permission: 'predict',
    body: 'fields',
    reply: 'envelope',
    input: Shape({ model_id, input_data: InputRow, version, environment, explain }),
    output: Prediction,
  }),
  'models.predict_batch': query({
    method: 'POST',
    path: `${base}/models/{model_id}/predict/batch`,
    tag,
    summary: 'Predict up to 10,000 rows; a bad row carries its own error and does not fail the others.',
    permission: 'predict',
    body: 'fields',
    reply: 'envelope',
    input: Shape({
      model_id,
      input_data: Type.Array(Type.Unknown(), {
        minItems: 1,
        maxItems: 10_000,
        description: 'The rows, each an object of columns or the values in the order of the signature.',
      }),
      version,
      environment,
      explain,
    }),
    output: BatchPrediction,
  }),
  inference: query({
    method: 'POST',
    path: `${base}/inference`,
    tag,
    summary: 'Predict one row or several; no envelope.',
    permission: 'predict',
    body: 'fields',
    reply: 'bare',
    input: Shape({
      model_id,
      version: versionOrNull,
      features: Type.Union([AnyObject('One row.'), Type.Array(InputRow, { minItems: 1, maxItems: 10_000 })], {
        description: 'A row, or a list of rows.',
      }),
      explain,
    }),
    output: InferenceResponse,
  }),
  predict_default: query({
    method: 'POST',
    path: '/predict',
    tag,
    summary: 'Predict with the default model; the body is the row itself.',
    permission: 'predict',
    body: 'row',
    reply: 'bare',
    input: Shape({ body: InputRow }),
    output: SimplePrediction,
  }),
  predict_model: query({
    method: 'POST',
    path: '/predict/{model_id}',
    tag,
    summary: 'Predict one row.',
    permission: 'predict',
    body: 'fields',
    reply: 'bare',
    input: Shape({ model_id, input_data: InputRow }),
    output: SimplePrediction,
  }),
  'predictions.feedback': command({
    method: 'POST',
    path: `${base}/predictions/{prediction_id}/feedback`,
    tag,
    summary: 'Tell the true outcome of a prediction.',
    permission: 'predict',
    reply: 'envelope',
    message: 'Feedback recorded',
    input: Shape({
      prediction_id: Type.String({ description: 'The `prediction_id` of the reply.' }),
      actual: Type.Union([Type.String(), Type.Number(), Type.Boolean()], { description: 'What really happened.' }),
    }),
    output: Shape({
      prediction_id: Type.String({ description: 'The prediction.' }),
      correct: Type.Union([Type.Boolean(), Type.Null()], { description: 'Prediction = outcome; null for numbers.' }),
    }),
  }),
}
