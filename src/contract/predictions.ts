// Predictions in the shapes of the described systems; one verb underneath answers them all.
import { type Static, Type } from 'typebox'
import { Explanation } from './explanations.ts'
import { AnyObject, Shape } from './schema.ts'

export const InputRow = Type.Union([AnyObject('Column → value.'), Type.Array(Type.Unknown())], {
  description: 'One row: an object of columns, or the values in the order of the signature.',
})
export type InputRow = Static<typeof InputRow>

export const PredictedValue = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], {
  description: 'The predicted class or number.',
})

const Fallback = Type.Optional(
  Type.Boolean({
    description: 'True where the model could not answer: the last answer to this row, or a declared default.',
  }),
)

export const Prediction = Shape(
  {
    prediction: PredictedValue,
    confidence: Type.Optional(Type.Number({ description: 'Probability of the predicted class.' })),
    probabilities: Type.Optional(
      Type.Record(Type.String(), Type.Number(), { description: 'Probability of every class.' }),
    ),
    explanation: Type.Optional(Explanation),
    fallback: Fallback,
    model_id: Type.String({ description: 'Model that answered.' }),
    version: Type.String({ description: 'Version that answered.' }),
    prediction_id: Type.String({ description: 'For feedback.' }),
    latency_ms: Type.Number({ description: 'Time inside the service, in milliseconds.' }),
  },
  'One answered prediction.',
)
export type Prediction = Static<typeof Prediction>

export const BatchItem = Shape({
  prediction: PredictedValue,
  confidence: Type.Optional(Type.Number({ description: 'Probability of the predicted class.' })),
  probabilities: Type.Optional(Type.Record(Type.String(), Type.Number(), { description: 'Of every class.' })),
  explanation: Type.Optional(Explanation),
  fallback: Fallback,
  error: Type.Optional(Type.String({ description: 'Why this row has no prediction.' })),
})
export const BatchPrediction = Shape(
  {
    predictions: Type.Array(BatchItem, { description: 'In the order given.' }),
    count: Type.Integer({ description: 'Number of rows.' }),
    version: Type.String({ description: 'Version that answered.' }),
    inference_time_ms: Type.Number({ description: 'Time inside the service, in milliseconds.' }),
  },
  'A batch of answered predictions.',
)
export type BatchPrediction = Static<typeof BatchPrediction>

export const PredictionResult = Shape({
  prediction: PredictedValue,
  probability: Type.Optional(Type.Number({ description: 'Probability of the predicted class.' })),
  explanation: Type.Optional(
    Type.Record(Type.String(), Type.Number(), {
      description: 'Column → its contribution to the score; `models.predict` tells more.',
    }),
  ),
  fallback: Fallback,
})
export const InferenceResponse = Shape(
  {
    model_id: Type.String({ description: 'Model that answered.' }),
    version: Type.String({ description: 'Version that answered.' }),
    results: Type.Array(PredictionResult, { description: 'One result a row, in order.' }),
    inference_time_ms: Type.Number({ description: 'Time inside the service, in milliseconds.' }),
  },
  'The reply of /inference.',
)
export type InferenceResponse = Static<typeof InferenceResponse>

export const SimplePrediction = Shape(
  {
    prediction: PredictedValue,
    probability: Type.Optional(
      Type.Number({ description: 'Binary 0/1 targets: probability of class 1; else of the predicted class.' }),
    ),
    fallback: Fallback,
  },
  'The reply of /predict.',
)
export type SimplePrediction = Static<typeof SimplePrediction>
