import { status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fail } from '../core/failure.ts'
import { silentLog } from '../core/log.ts'
import { NO_SPAN } from '../core/trace.ts'
import { serviceError } from './failures.ts'

const context = { log: silentLog, requestId: 'req_1', span: NO_SPAN }
const told = (message: string) => serviceError(fail('not_found', 'MODEL_NOT_FOUND', message), context)

it.each(['a', 'é', '模', '😀', '%'])('a message of very many %s is cut to what a client takes of trailers', (text) => {
  const { code, details } = told(`No model "${text.repeat(100_000)}"`)
  expect(code).toBe(status.NOT_FOUND)
  expect(details).toMatch(/^No model ".*…$/u)
  expect(encodeURI(details!).length).toBeLessThan(6100)
  expect(encodeURI(details!).length).toBeGreaterThan(5000)
})

it('a message is told as it is where it fits, and can always be written into a header', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
      const { details } = told(text)
      expect(details).toBe(text.toWellFormed())
      expect(() => encodeURI(details!)).not.toThrow()
    }),
  )
  expect(() => encodeURI(told('\ud83d'.repeat(9000)).details!)).not.toThrow()
})
