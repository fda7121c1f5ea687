// Serving: what is live, and how it is called.
export { type CustomModel, defineModel } from './custom.ts'
export { giveFeedback } from './feedback.ts'
export { createOpenInference } from './open-inference.ts'
export { inference, predict, predictBatch, predictDefault, predictModel } from './predict.ts'
export { Serving, type ServingCtx } from './serving.ts'
