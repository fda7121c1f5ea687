// Models that MLflow saved with its ONNX flavour.
export type { MlflowDescriptor } from './descriptor.ts'
export { DESCRIPTOR, type ReadFile } from './read.ts'
export { describeMlflow, loadMlflow } from './repository.ts'
export { declaredSignature } from './signature.ts'
