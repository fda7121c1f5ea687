import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { carried, inSpan, logFieldsOf, NO_SPAN, traceContextOf } from './trace.ts'

const GOOD = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

describe('the trace that an asker hands on', () => {
  it('is taken over with what its vendor adds', () => {
    expect(traceContextOf({ traceparent: GOOD })).toEqual({ traceparent: GOOD })
    expect(traceContextOf({ traceparent: GOOD, tracestate: 'a=1' })).toEqual({ traceparent: GOOD, tracestate: 'a=1' })
  })

  it('may be of a version to come, which says more', () => {
    const later = `cc${GOOD.slice(2)}-what-the-future-will-be-like`
    expect(traceContextOf({ traceparent: later })).toEqual({ traceparent: later })
  })

  it.each([
    undefined,
    '',
    [GOOD, GOOD],
    `${GOOD}-more`,
    `${GOOD}, ${GOOD}`,
    `ff${GOOD.slice(2)}`,
    GOOD.toUpperCase(),
    GOOD.slice(0, -1),
    `${GOOD}0`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
  ])('is nothing where it reads %j', (traceparent) => {
    expect(traceContextOf({ traceparent })).toBeUndefined()
  })

  it('is nothing where it is anything else', () => {
    fc.assert(
      fc.property(fc.string(), (traceparent) => {
        expect(traceContextOf({ traceparent })).toBeUndefined()
      }),
    )
  })

  it('goes on without an overlong state', () => {
    expect(traceContextOf({ traceparent: GOOD, tracestate: 'a'.repeat(513) })).toEqual({ traceparent: GOOD })
  })
})

describe('a span', () => {
  it('of elsewhere hands its trace on, and names it in the log', () => {
    const span = carried({ traceparent: GOOD })
    expect(span.child('x').context).toEqual({ traceparent: GOOD })
    expect(span.recording).toBe(false)
    expect(logFieldsOf(span)).toEqual({ trace_id: GOOD.slice(3, 35), span_id: GOOD.slice(36, 52) })
  })

  it('that nobody sees changes nothing', async () => {
    const ctx = { span: NO_SPAN, a: 1 }
    expect(await inSpan(ctx, { name: 'x' }, (same) => same === ctx)).toBe(true)
    expect(logFieldsOf(NO_SPAN)).toEqual({})
  })
})
