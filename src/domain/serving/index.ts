// Serving: what is live, and how it is called.
export { type CustomModel, defineModel } from './custom.ts'
export { giveFeedback } from './feedback.ts'
export { createDataPlane } from './infer-tensors.ts'
export { inference, predict, predictBatch, predictDefault, predictModel } from './predict.ts'
export { Serving, type ServingCtx } from './serving.ts'
