import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Signature } from '../../contract/models.ts'
import {
  artifactKey,
  compareVersions,
  currentKey,
  featureSchemaVersion,
  highestVersion,
  metadataKey,
  nextVersion,
} from './policy.ts'

const version = fc.tuple(fc.nat(300), fc.nat(300), fc.nat(300)).map((parts) => parts.join('.'))

describe('versions', () => {
  it('are compared number by number, not as text', () => {
    expect(['1.10.0', '1.9.0', '2.0.0', '1.9.10'].toSorted(compareVersions)).toEqual([
      '1.9.0',
      '1.9.10',
      '1.10.0',
      '2.0.0',
    ])
  })

  it('have a total order', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0)
        expect(compareVersions(a, b) === 0).toBe(a === b)
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) {
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0)
        }
      }),
    )
  })

  it('have a highest one, and none of none', () => {
    expect(highestVersion(['1.2.0', '1.10.0', '1.9.9'])).toBe('1.10.0')
    expect(highestVersion([])).toBeNull()
  })
})

describe('the next version', () => {
  it('of nothing is 1.0.0', () => {
    expect(nextVersion([])).toBe('1.0.0')
  })

  it.each([
    [['1.0.0'], '1.1.0'],
    [['1.0.0', '1.9.0', '1.2.0'], '1.10.0'],
    [['1.4.7'], '1.5.0'],
    [['3.0.1', '1.8.0'], '3.1.0'],
    [['0.0.1'], '0.1.0'],
    [['1.999999999999998.0'], '1.999999999999999.0'],
    [['1.999999999999999.0'], '2.0.0'],
  ])('after %s is %s', (existing, next) => {
    expect(nextVersion(existing)).toBe(next)
  })

  it('is none above the very last', () => {
    expect(() => nextVersion(['999999999999999.999999999999999.3'])).toThrow(/no number above/)
  })

  it('is higher than every other one', () => {
    fc.assert(
      fc.property(fc.array(version), (existing) => {
        const next = nextVersion(existing)
        return existing.every((one) => compareVersions(next, one) > 0)
      }),
    )
  })
})

describe('the files of a version', () => {
  it('lie at the top for the default tenant', () => {
    expect(artifactKey('default', 'model_1', '1.0.0')).toBe('models/model_1/versions/1.0.0/model.onnx')
    expect(metadataKey('default', 'model_1', '1.0.0')).toBe('models/model_1/versions/1.0.0/metadata.json')
    expect(currentKey('default', 'model_1')).toBe('models/model_1/CURRENT')
  })

  it('lie in a folder of their own for every other tenant', () => {
    expect(artifactKey('acme', 'model_1', '1.0.0')).toBe('tenants/acme/models/model_1/versions/1.0.0/model.onnx')
    expect(currentKey('acme', 'model_1')).toBe('tenants/acme/models/model_1/CURRENT')
  })
})

describe('the version of a feature schema', () => {
  const signature: Signature = {
    inputs: [
      { name: 'age', dtype: 'number', nullable: true, min: 0, max: 9 },
      { name: 'city', dtype: 'string', nullable: false },
    ],
    outputs: [],
  }
  const [age, city] = signature.inputs

  it('stays when only the data changed', () => {
    const later = {
      inputs: [
        { ...age!, min: -5 },
        { ...city!, categories: ['x'] },
      ],
      outputs: [],
    }
    expect(featureSchemaVersion(later)).toBe(featureSchemaVersion(signature))
  })

  it.each([
    ['order', [city!, age!]],
    ['name', [{ ...age!, name: 'Age' }, city!]],
    ['type', [{ ...age!, dtype: 'integer' as const }, city!]],
    ['nullability', [age!, { ...city!, nullable: true }]],
    ['number of columns', [age!]],
  ])('changes with the %s', (_, inputs) => {
    expect(featureSchemaVersion({ inputs, outputs: [] })).not.toBe(featureSchemaVersion(signature))
  })
})
