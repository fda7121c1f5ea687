// scikit-learn's converter writes `en_US` into StringNormalizer, a language that slim machines do not have; then the whole
// model does not load. `C.UTF-8` is on all of them, and changes the case of letters in the same way.
import { nameIn } from './nodes.ts'
import { copyField, replaceGraph } from './rewrite.ts'
import { fields, payload } from './scan.ts'
import { Message } from './wire.ts'

const PORTABLE = 'C.UTF-8'

/** Undefined where no node asks for English, by name or by saying nothing. Other languages stay: they differ. */
export function withPortableLocale(bytes: Uint8Array): Uint8Array | undefined {
  let changed = 0
  const rewritten = replaceGraph(bytes, (graph) => {
    const copy = new Message()
    for (const field of fields(graph)) {
      const node = field.number === 1 ? portableNode(payload(field)) : undefined
      if (node) {
        changed++
        copy.message(1, node)
      } else copyField(copy, field)
    }
    return copy
  })
  return changed > 0 ? rewritten : undefined
}

function portableNode(bytes: Uint8Array): Message | undefined {
  if (nameIn(bytes, 4) !== 'StringNormalizer') return undefined
  const node = new Message()
  for (const field of fields(bytes)) {
    if (field.number !== 5 || nameIn(payload(field), 1) !== 'locale') copyField(node, field)
    else if (!/^(en_US.*)?$/.test(nameIn(payload(field), 4))) return undefined
  }
  const attribute = new Message()
  attribute.string(1, 'locale')
  attribute.string(4, PORTABLE)
  attribute.int(20, 3)
  node.message(5, attribute)
  return node
}
