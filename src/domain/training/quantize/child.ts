// The program of the process that quantizes.
import { systemClock } from '../../../core/clock.ts'
import { serveIsolated } from '../../../jobs/isolated.ts'
import { quantize } from './run.ts'
import type { QuantizeSpec } from './spec.ts'

serveIsolated((spec, { signal }) => quantize(spec as QuantizeSpec, { signal, clock: systemClock }))
