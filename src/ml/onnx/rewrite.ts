// Model files copied field by field with something in them exchanged. What is not understood is copied as it is.
import { fail } from '../../core/failure.ts'
import { type Field, fields, payload } from './scan.ts'
import { Message } from './wire.ts'

export function copyField(to: Message, { number, wire, value, bytes }: Field): void {
  if (wire === 0) to.int(number, value)
  else if (wire === 2) to.bytes(number, bytes)
  else to.fixed(number, value, wire === 1 ? 8 : 4)
}

/** The same model with another main graph. @throws `invalid` ONNX_INVALID where it has none. */
export function replaceGraph(bytes: Uint8Array, rewrite: (graph: Uint8Array) => Message): Uint8Array {
  const model = new Message()
  let graphs = 0
  for (const field of fields(bytes)) {
    if (field.number !== 7) copyField(model, field)
    else {
      graphs++
      model.message(7, rewrite(payload(field)))
    }
  }
  if (graphs !== 1) throw fail('invalid', 'ONNX_INVALID', 'The model has no graph, or several')
  return model.finish()
}
