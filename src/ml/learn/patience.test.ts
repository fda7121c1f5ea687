import { describe, expect, it } from 'vitest'
import { fitLogistic } from './logistic.ts'
import { patientIterations } from './patience.ts'
import { classTarget } from './testing.ts'

/** Rows of one value each. */
function tall(rows: number) {
  const offsets = Uint32Array.from({ length: rows + 1 }, (_, row) => row)
  return {
    form: 'csr',
    rows,
    cols: 1,
    offsets,
    indices: new Uint32Array(rows),
    values: new Float32Array(rows),
  } as const
}

describe('iterations that somebody waits for', () => {
  it('are as many as are asked for, of what people usually have', () => {
    expect(patientIterations(tall(100_000), { outputs: 1, fits: 46, asked: 300 })).toBe(300)
    expect(patientIterations(tall(15_000), { outputs: 150, fits: 1, asked: 300 })).toBe(300)
  })

  it('are fewer for thousands of classes, ten at the least, and more for who asks for more', () => {
    const of = (rows: number, asked = 300) => patientIterations(tall(rows), { outputs: 5000, fits: 1, asked })
    expect(of(12_000)).toBe(66)
    expect(of(100_000)).toBe(10)
    expect(of(100_000, 3)).toBe(3)
    expect(of(12_000, 600)).toBe(133)
    expect(of(3_000_000, 9000)).toBe(10)
  })

  it('are none where ten would take all day: it says what to do', () => {
    const rows = 3_000_000
    const labels = Array.from({ length: rows }, (_, row) => row % 5000)
    const target = classTarget(labels, 5000)
    expect(() => fitLogistic({ matrix: tall(rows), target })).toThrow(
      /5000 classes × 3000000 rows of 1 features .* merge rare classes, train on fewer rows/,
    )
  })
})
