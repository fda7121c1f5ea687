import { describe, expect, it } from 'vitest'
import { csvSpec, customersCsv, run } from './training-pipeline-spec.ts'

const quick = {
  algorithm: 'neural_network',
  hyperparameters: { learning_rate: 0.01, epochs: 15, hidden_layers: [16], batch_size: 32 },
}

describe('a neural network, from a table to a file', () => {
  it('tells classes apart, with categories, dates, gaps and text', async () => {
    const outcome = await run(await csvSpec(customersCsv('plan', 400), 'plan', quick))
    expect(outcome.metrics.accuracy).toBeGreaterThan(0.65)
    expect(outcome.featureNames).toContain('note:lovely')
  })

  it('predicts numbers', async () => {
    const outcome = await run(await csvSpec(customersCsv('spent', 400), 'spent', { ...quick, modelType: 'regression' }))
    expect(outcome.metrics.r2).toBeGreaterThan(0.5)
  })

  it('gives the same file for the same seed', async () => {
    const spec = () => csvSpec(customersCsv('member'), 'member', quick)
    const [first, second] = [await run(await spec()), await run(await spec())]
    expect(second.artifact.sha256).toBe(first.artifact.sha256)
  })

  it('learns from texts alone, thousands of words wide', async () => {
    const words = ['printer', 'network', 'invoice', 'password', 'holiday']
    const rows = Array.from({ length: 400 }, (_, i) => {
      const label = words[i % 5]!
      return `"${label} w${i % 97} w${(i * 7) % 89} and the ${label}s of number${(i * 13) % 61}",${label}`
    })
    const outcome = await run(
      await csvSpec(['note,kind', ...rows].join('\n'), 'kind', { ...quick, columns: { note: { dtype: 'text' } } }),
    )
    expect(outcome.featureNames.length).toBeGreaterThan(500)
    expect(outcome.metrics.accuracy).toBeGreaterThan(0.95)
  })
})
