import { ROOT_CONTEXT } from '@opentelemetry/api'
import { SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { traceContextOf } from '../../core/trace.ts'
import { Roots } from './roots.ts'

describe('traces that begin here', () => {
  it.each([0.01, 0.3, 0.999])('are kept to the share of %d, as the standard decides by their ids', (ratio) => {
    const random = seededRandom(7)
    const roots = new Roots('parentbased_traceidratio', ratio, () => random.next())
    const standard = new TraceIdRatioBasedSampler(ratio)
    const kept = (traceId: string) =>
      standard.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED
    let count = 0
    const rounds = 20_000
    for (let i = 0; i < rounds; i++) {
      const unseen = roots.unseen()
      const traceId = unseen ? unseen.context!.traceparent.split('-')[1]! : roots.generateTraceId()
      expect(kept(traceId)).toBe(unseen === undefined)
      if (unseen === undefined) count++
    }
    const error = Math.sqrt((ratio * (1 - ratio)) / rounds)
    expect(Math.abs(count / rounds - ratio)).toBeLessThan(5 * error)
  })

  it.each([
    ['always_on', true],
    ['parentbased_always_on', true],
    ['always_off', false],
    ['parentbased_always_off', false],
  ] as const)('are under %s kept: %s', (sampler, kept) => {
    const roots = new Roots(sampler, 0.5)
    for (let i = 0; i < 100; i++) expect(roots.unseen() === undefined).toBe(kept)
  })

  it('have one context for as long as they last, and hand on that nobody keeps them', () => {
    const root = new Roots('always_off', 0).unseen()!
    expect(traceContextOf({ ...root.context })).toEqual(root.context)
    expect(root.child('x').context).toBe(root.context)
    expect(root.context!.traceparent).toMatch(/-00$/)
  })

  it('have an id that is not all zero where chance is', () => {
    const roots = new Roots('always_on', 1, () => 0)
    roots.unseen()
    expect(traceContextOf({ traceparent: `00-${roots.generateTraceId()}-00f067aa0ba902b7-01` })).toBeDefined()
  })
})
