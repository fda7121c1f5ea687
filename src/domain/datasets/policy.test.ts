import { describe, expect, it } from 'vitest'
import { completeContract, datasetKey } from './policy.ts'

describe('a given contract', () => {
  it('gets its defaults: columns are required and may have gaps', () => {
    expect(completeContract({ columns: [{ name: 'age', dtype: 'number' }], target: 'age' })).toEqual({
      columns: [{ name: 'age', dtype: 'number', required: true, nullable: true }],
      target: 'age',
    })
  })

  it('keeps what it says', () => {
    const columns = [{ name: 'x', dtype: 'integer' as const, required: false, nullable: false, min: 1, max: 1 }]
    expect(completeContract({ columns })).toEqual({ columns })
  })

  it('is refused with everything that contradicts itself', () => {
    const given = {
      columns: [
        { name: 'a', dtype: 'number' as const, min: 2, max: 1 },
        { name: 'a', dtype: 'string' as const },
      ],
      target: 'b',
    }
    expect(() => completeContract(given)).toThrow(
      expect.objectContaining({
        kind: 'invalid',
        details: {
          errors: [
            { field: 'contract.columns.0.min', message: 'is greater than max', value: 2 },
            { field: 'contract.columns.1.name', message: 'is named twice', value: 'a' },
            { field: 'contract.target', message: 'is not one of the columns', value: 'b' },
          ],
        },
      }),
    )
  })
})

describe('the file of a dataset', () => {
  it('lies at the top for the default tenant and in a folder of its own for the others', () => {
    expect(datasetKey('default', 'dataset_1')).toBe('datasets/dataset_1/data')
    expect(datasetKey('acme', 'dataset_1')).toBe('tenants/acme/datasets/dataset_1/data')
    // No part of a key begins with a dot.
    expect(datasetKey('.acme', 'dataset_1')).toBe('tenants/~.acme/datasets/dataset_1/data')
  })
})
