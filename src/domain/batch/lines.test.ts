import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lineWriter } from './lines.ts'

const wide = fc.string({ unit: 'binary', maxLength: 40 })

describe('the lines of a chunk', () => {
  it('say what JSON would', () => {
    const answers = fc.array(fc.record({ prediction: fc.oneof(wide, fc.double(), fc.boolean()), name: wide }))
    fc.assert(
      fc.property(answers, (given) => {
        const lines = lineWriter()
        for (const [row, { prediction, name }] of given.entries()) {
          lines.answer(row, { prediction, confidence: 0.1, probabilities: { [`p${name}`]: 0.1, q: 0.9 } })
          lines.refuse(row, name)
        }
        const expected = given.flatMap(({ prediction, name }, row) => [
          { row, prediction, confidence: 0.1, probabilities: { [`p${name}`]: 0.1, q: 0.9 } },
          { row, prediction: null, error: name },
        ])
        const text = expected.map((line) => `${JSON.stringify(line)}\n`).join('')
        expect(lines.bytes().toString('utf8')).toBe(Buffer.from(text).toString('utf8'))
      }),
    )
  })

  it('keep their order and every byte however many there are', () => {
    const lines = lineWriter()
    const word = '€'.repeat(50)
    for (let row = 0; row < 20_000; row++) lines.answer(row, { prediction: word })
    const text = lines.bytes().toString('utf8')
    expect(text.length).toBeGreaterThan(1_000_000)
    const rows = text.trimEnd().split('\n')
    expect(rows).toHaveLength(20_000)
    expect(rows.every((line, row) => line === `{"row":${row},"prediction":"${word}"}`)).toBe(true)
  })
})
