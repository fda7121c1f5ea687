import { expect, it } from 'vitest'
import { type GraphNode, numbersOf } from './nodes.ts'
import { Message } from './wire.ts'

function nodeWith(fill: (attribute: Message) => void): GraphNode {
  const attribute = new Message()
  attribute.string(1, 'labels')
  fill(attribute)
  const attributes = new Map([['labels', attribute.finish()]])
  return { op: 'ZipMap', domain: '', inputs: [], outputs: [], attributes, nested: false, bytes: new Uint8Array() }
}

it('the whole numbers of an attribute are read as they were written, packed or one by one', () => {
  const numbers = [0, 1, -1, 127, 128, 2 ** 31, -(2 ** 40)]
  const packed = nodeWith((attribute) => attribute.ints(8, numbers))
  const single = nodeWith((attribute) => {
    for (const number of numbers) attribute.int(8, number)
  })
  expect([numbersOf(packed, 'labels'), numbersOf(single, 'labels')]).toEqual([numbers, numbers])
})

it.each([
  ['never ends', new Uint8Array(100_000).fill(0xff)],
  ['is longer than ten bytes', Uint8Array.of(...new Array<number>(11).fill(0xff), 1)],
  ['breaks off', Uint8Array.of(1, 0x80)],
])('a number in an attribute that %s is refused', (_, bytes) => {
  const node = nodeWith((attribute) => attribute.bytes(8, bytes))
  expect(() => numbersOf(node, 'labels')).toThrow(expect.objectContaining({ code: 'ONNX_MALFORMED' }))
})
