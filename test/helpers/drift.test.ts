import { describe, expect, it } from 'vitest'
import { driftOf } from './drift.ts'

const ask = (method: string, path: string, status: number, document: unknown) =>
  driftOf({ method, path }, { status, text: JSON.stringify(document) }, new Set())

const ready = { ready: true }
const reloaded = { success: true, message: 'Models refreshed', data: { revision: 1, models: 2 } }

describe('the watch over replies', () => {
  it('lets through what keeps the contract', () => {
    expect(ask('GET', '/ready', 200, ready)).toEqual([])
    expect(ask('GET', '/ready', 503, { ready: false, reason: 'x' })).toEqual([])
    expect(ask('POST', '/reload', 200, reloaded)).toEqual([])
    expect(ask('GET', '/somewhere/else', 200, {})).toEqual([])
  })

  it.each([
    ['a field too many', 'GET', '/ready', 200, { ...ready, more: 1 }],
    ['a field that is missing', 'GET', '/ready', 200, {}],
    ['another status', 'GET', '/ready', 201, ready],
    ['an envelope without its message', 'POST', '/reload', 200, { ...reloaded, message: undefined }],
    ['an envelope that does not say success', 'POST', '/reload', 200, { ...reloaded, success: false }],
    ['data of another type', 'POST', '/reload', 200, { ...reloaded, data: { revision: '1', models: 2 } }],
    ['an error of another shape', 'GET', '/api/v1/ml/models/x', 404, { error: 'no' }],
  ] as const)('stops %s', (_, method, path, status, document) => {
    expect(ask(method, path, status, document)).not.toEqual([])
  })
})
