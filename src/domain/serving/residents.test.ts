import { describe, expect, it } from 'vitest'
import { Residents } from './residents.ts'

const MB = 1_000_000

function start(budgetMb: number) {
  const gone: string[] = []
  let evictions = 0
  const residents = new Residents(budgetMb * MB, 1, () => evictions++)
  const models = new Map<string, { usedAt: number; unload(): void }>()
  const load = (name: string, mb = 1) => {
    const one = models.get(name) ?? { usedAt: 0, unload: () => gone.push(name) }
    models.set(name, one)
    one.usedAt = residents.use()
    residents.entered(one, mb * MB)
    return one
  }
  const use = (name: string) => {
    models.get(name)!.usedAt = residents.use()
  }
  return { residents, load, use, gone, evictions: () => evictions }
}

describe('models in a budget', () => {
  it('make room for another one in the order of their last use', () => {
    const { residents, load, use, gone, evictions } = start(10) // a model of 1 MB takes somewhat more than 3
    for (const name of ['a', 'b', 'c']) load(name)
    use('a')
    expect(gone).toEqual([])
    load('d')
    load('e')
    expect(gone).toEqual(['b', 'c'])
    expect(evictions()).toBe(2)
    expect(residents.bytes).toBeLessThanOrEqual(10 * MB)
  })

  it('all make room for one that is larger than the budget, which is then alone', () => {
    const { residents, load, gone } = start(10)
    for (const name of ['a', 'b']) load(name)
    load('huge', 50)
    expect(gone).toEqual(['a', 'b'])
    expect(residents.roomy).toBe(false)
    load('a')
    expect(gone).toEqual(['a', 'b', 'huge'])
  })

  it('are counted once, and no longer when they have left', () => {
    const { residents, load, gone } = start(10)
    const one = load('a')
    const bytes = residents.bytes
    load('a')
    expect(residents.bytes).toBe(bytes)
    residents.left(one)
    residents.left(one)
    expect(residents.bytes).toBe(0)
    for (const name of ['b', 'c', 'd']) load(name)
    expect(gone).toEqual([])
    expect(residents.roomy).toBe(false)
  })
})
