// Which traces are kept: the samplers of the OpenTelemetry specification by their standard names.
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'
import type { SamplerName } from '../../core/trace.ts'

/** @param ratio 0 to 1, for the samplers that have one. */
export function samplerOf(name: SamplerName, ratio: number): Sampler {
  const [own, parent] = name.startsWith('parentbased_') ? [name.slice('parentbased_'.length), true] : [name, false]
  const root = plain(own, ratio)
  return parent ? new ParentBasedSampler({ root }) : root
}

function plain(name: string, ratio: number): Sampler {
  if (name === 'always_on') return new AlwaysOnSampler()
  return name === 'always_off' ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(ratio)
}
