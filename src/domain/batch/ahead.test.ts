import { expect, it } from 'vitest'
import { ahead } from './ahead.ts'

it('begins two steps ahead, finishes in order, and lets others have their turn between any two of both', async () => {
  const happened: string[] = []
  let over = false
  const others = (async () => {
    while (!over) {
      await new Promise(setImmediate)
      happened.push('others')
    }
  })()
  await ahead([1, 2, 3, 4, 5], async (step) => {
    happened.push(`begin ${step}`)
    return () => void happened.push(`finish ${step}`)
  })
  over = true
  await others
  const own = happened.filter((one) => one !== 'others')
  expect(own.filter((one) => one.startsWith('finish'))).toEqual([1, 2, 3, 4, 5].map((step) => `finish ${step}`))
  expect(own.slice(0, 4)).toEqual(['begin 1', 'begin 2', 'begin 3', 'finish 1'])
  expect(happened.some((one, i) => one !== 'others' && i > 0 && happened[i - 1] !== 'others')).toBe(false)
})

it('fails with the first step that fails, and leaves no other failure unheard', async () => {
  const steps = ahead([1, 2, 3], (step) => Promise.reject(new Error(`step ${step}`)))
  await expect(steps).rejects.toThrow('step 1')
})
