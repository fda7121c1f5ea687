// Models of type `custom` and `recommendation`: whatever tensors they take and answer, they are called by tensors alone. Rows of named
// columns say nothing to them, so a prediction by columns is refused in words.
import { fail } from '../../core/failure.ts'
import type { ModelInfo } from '../../runtime/index.ts'
import { sampleTensors } from '../models/index.ts'
import type { RowReader } from './input.ts'

export function tensorsOnly(modelName: string, info: ModelInfo): RowReader {
  return {
    rowByRow: false,
    sample: sampleTensors(info.inputs),
    read() {
      throw refuseColumns(modelName)
    },
    readOne() {
      throw refuseColumns(modelName)
    },
  }
}

export function refuseColumns(modelName: string) {
  return fail(
    'invalid',
    'MODEL_TENSORS_ONLY',
    `"${modelName}" takes tensors: call it at POST /v2/models/${modelName}/infer`,
  )
}
