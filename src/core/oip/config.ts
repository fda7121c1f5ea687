// Words of Triton's model configuration that both faces write.
import type { TensorType } from '../tensors.ts'
import { datatypeOf } from './datatypes.ts'

/** `TYPE_FP32` for float32; what the protocol calls BYTES is `TYPE_STRING` there. */
export function configType(type: TensorType): string {
  return type === 'string' ? 'TYPE_STRING' : `TYPE_${datatypeOf(type).name}`
}
