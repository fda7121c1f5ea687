// The library face (API.md §10): what `import … from 'modelyard'` gives.
export { createClient } from './client.ts'
export type { ConfigOverrides } from './config.ts'
export { type FieldError, MlError } from './core/failure.ts'
export { type CustomModel, defineModel } from './domain/serving/index.ts'
export {
  type BatchPredictor,
  type BatchPredictorOptions,
  type BatchResult,
  type BatchSubmission,
  createBatchPredictor,
} from './library/batch-predictor.ts'
export { BatchJobError, InferenceError, ModelServingError, ServerError } from './library/errors.ts'
export type { InputData, ModelManager, PredictOptions } from './library/model-manager.ts'
export { createModelServer, type ModelServer, type ModelServerOptions } from './library/model-server.ts'
export {
  createRealtimePredictor,
  type PredictionCache,
  type RealtimePredictor,
  type RealtimePredictorOptions,
} from './library/realtime-predictor.ts'
export { createMlService, type MlService, type MlServiceOptions } from './library/service.ts'
