import { describe, expect, it } from 'vitest'
import { newCompany } from './company.ts'

const { signal } = new AbortController()
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('chunks worked on in one process', () => {
  it('are worked on together', async () => {
    const company = newCompany()
    const leave = await Promise.all([company.enter(signal), company.enter(signal)])
    expect(leave).toHaveLength(2)
  })

  it('are over before one is alone, and wait until it is', async () => {
    const company = newCompany()
    const seen: string[] = []
    const [leave, other] = await Promise.all([company.enter(signal), company.enter(signal)])
    expect(company.mayGoOn()).toBe(true)
    const alone = company.beAlone(signal).then((is) => seen.push(`alone ${is}`))
    expect(company.mayGoOn()).toBe(false)
    const late = company.enter(signal).then(() => seen.push('late'))
    await turn()
    expect(seen).toEqual([])
    other()
    await alone
    await turn()
    expect(seen).toEqual(['alone true'])
    leave()
    expect(company.mayGoOn()).toBe(true)
    await late
    expect(seen).toEqual(['alone true', 'late'])
  })

  it('are not both alone: the second gives way', async () => {
    const company = newCompany()
    const [leave, other] = await Promise.all([company.enter(signal), company.enter(signal)])
    const first = company.beAlone(signal)
    expect(await company.beAlone(signal)).toBe(false)
    other()
    expect(await first).toBe(true)
    leave()
    const again = await company.enter(signal)
    expect(await company.beAlone(signal)).toBe(true)
    again()
  })

  it('wait no longer than they are wanted', async () => {
    const company = newCompany()
    const stopping = new AbortController()
    const [leave, other] = await Promise.all([company.enter(signal), company.enter(signal)])
    const alone = company.beAlone(stopping.signal)
    const late = company.enter(stopping.signal)
    stopping.abort(new Error('stopped'))
    await expect(alone).rejects.toThrow('stopped')
    ;(await late)()
    leave()
    other()
    ;(await company.enter(signal))()
  })
})
