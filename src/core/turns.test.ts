import { expect, it } from 'vitest'
import { mapInTurns } from './turns.ts'

it('works on a long list piece by piece, in order, and lets others have their turn in between', async () => {
  const happened: unknown[] = []
  const made = mapInTurns(['a', 'b', 'c', 'd', 'e'], { atATime: 2 }, (item, index) => {
    happened.push(item)
    return `${item}${index}`
  })
  setImmediate(() => happened.push('somebody else'))
  expect(await made).toEqual(['a0', 'b1', 'c2', 'd3', 'e4'])
  expect(happened.indexOf('somebody else')).toBeLessThan(happened.indexOf('e'))
})

it('does a short list at once', async () => {
  const happened: unknown[] = []
  const made = mapInTurns([1, 2], { atATime: 2 }, (item) => happened.push(item))
  expect(happened).toEqual([1, 2])
  expect(await made).toEqual([1, 2])
})
