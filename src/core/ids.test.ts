import { describe, expect, it } from 'vitest'
import { newId } from './ids.ts'

describe('an id', () => {
  it('has its prefix and 26 characters of the alphabet', () => {
    expect(newId('model')).toMatch(/^model_[0-9a-hjkmnp-tv-z]{26}$/)
  })

  it('is never given twice', () => {
    const ids = Array.from({ length: 20_000 }, () => newId('evt'))
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('sorts as it was made, also within one millisecond', () => {
    const ids = Array.from({ length: 5000 }, () => newId('job', 1_700_000_000_000))
    expect(ids.toSorted()).toEqual(ids)
  })

  it('sorts after the earlier ones when time passes', () => {
    const now = Date.now() + 1_000_000
    const ids = [0, 1, 2, 50, 1000].map((ms) => newId('pred', now + ms))
    expect(ids.toSorted()).toEqual(ids)
  })

  it('goes on rising when the clock is set back', () => {
    const before = newId('dep', Date.now() + 5_000_000)
    expect(newId('dep', 1000) > before).toBe(true)
  })
})
