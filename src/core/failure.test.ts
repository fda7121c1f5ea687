import { describe, expect, it } from 'vitest'
import { asFailure, fail, invalid, MlError, notFound, shownDetails } from './failure.ts'

describe('a failure', () => {
  it('is an Error with a kind, a code and details', () => {
    const failure = fail('conflict', 'VERSION_EXISTS', 'There is one', { details: { version: '1.0.0' } })
    expect(failure).toBeInstanceOf(Error)
    expect(failure).toMatchObject({
      name: 'MlError',
      kind: 'conflict',
      code: 'VERSION_EXISTS',
      message: 'There is one',
      details: { version: '1.0.0' },
    })
  })

  it('keeps its cause', () => {
    const cause = new Error('disk')
    expect(fail('unavailable', 'X', 'y', { cause }).cause).toBe(cause)
  })

  it('lists all broken rules and says the first one in its message', () => {
    const errors = [
      { field: 'age', message: 'must be a number', value: 'x' },
      { field: 'name', message: 'is required' },
    ]
    expect(invalid('request', errors)).toMatchObject({
      kind: 'invalid',
      code: 'VALIDATION_ERROR',
      message: 'Invalid request: age: must be a number (and 1 more)',
      details: { errors },
    })
  })

  it('shows every broken rule with a value, null where there is none', () => {
    const errors = [
      { field: 'age', message: 'must be a number', value: 'x' },
      { field: 'name', message: 'is required' },
    ]
    expect(shownDetails(invalid('request', errors))).toEqual({
      errors: [errors[0], { field: 'name', message: 'is required', value: null }],
    })
    expect(shownDetails(fail('conflict', 'X', 'y', { details: { version: '1.0.0' } }))).toEqual({ version: '1.0.0' })
    expect(shownDetails(notFound('model', 'm'))).toBeUndefined()
  })

  it('leaves the place out where the whole input is wrong', () => {
    expect(invalid('request', [{ field: '', message: 'must be object' }]).message).toBe(
      'Invalid request: must be object',
    )
  })

  it('names what was not found in code and message', () => {
    expect(notFound('training job', 'job_1')).toMatchObject({
      kind: 'not_found',
      code: 'TRAINING_JOB_NOT_FOUND',
      message: 'No training job "job_1"',
    })
  })
})

describe('anything thrown', () => {
  it('stays what it is when it is a failure', () => {
    const failure = fail('limited', 'SLOW_DOWN', 'Too fast', { retryAfterSeconds: 3 })
    expect(asFailure(failure)).toBe(failure)
  })

  it('becomes internal with its cause otherwise', () => {
    const error = new TypeError('x is undefined')
    expect(asFailure(error)).toMatchObject({ kind: 'internal', code: 'INTERNAL_ERROR', message: 'x is undefined' })
    expect(asFailure(error).cause).toBe(error)
    expect(asFailure('text').message).toBe('text')
    expect(asFailure(undefined)).toBeInstanceOf(MlError)
  })
})
