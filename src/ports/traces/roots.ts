// Whether a trace that begins here is kept, decided before anything of OpenTelemetry runs: its own way to a "no" makes two ids, lists
// and a context, 5 µs a request where a whole prediction takes 90. The ids that are made agree with the decision, as those of the
// standard's TraceIdRatioBased sampler do: services further down that sample by the id alone keep the same traces.
import { type IdGenerator, RandomIdGenerator } from '@opentelemetry/sdk-trace'
import type { SamplerName, Span, TraceContext } from '../../core/trace.ts'

const ALL = 2 ** 32

export class Roots implements IdGenerator {
  readonly #bound: number
  readonly #random: () => number
  readonly #spanIds = new RandomIdGenerator()
  #drawn = 0

  /**
   * @param ratio 0 to 1, for the samplers that have one.
   * @param random uniform in [0, 1)
   */
  constructor(sampler: SamplerName, ratio: number, random = Math.random) {
    this.#bound = boundOf(sampler, ratio)
    this.#random = random
  }

  /** Undefined: it is kept, and the next trace id is made for it. Else what stands for it. */
  unseen(): Span | undefined {
    const drawn = this.#word()
    this.#drawn = drawn
    return drawn < this.#bound ? undefined : new UnseenRoot(this, drawn)
  }

  generateTraceId(): string {
    return this.traceId(this.#drawn)
  }

  generateSpanId(): string {
    return this.#spanIds.generateSpanId()
  }

  /** A random id whose four words, each added to the others without carry, are `drawn`: what the standard's sampler compares. */
  traceId(drawn: number): string {
    const [a, b, c] = [this.#word() || 1, this.#word(), this.#word()]
    return hex(a) + hex(b) + hex(c) + hex((a ^ b ^ c ^ drawn) >>> 0)
  }

  #word(): number {
    return Math.floor(this.#random() * ALL)
  }
}

function boundOf(sampler: SamplerName, ratio: number): number {
  if (sampler.endsWith('always_on')) return ALL
  if (sampler.endsWith('always_off')) return 0
  return ratio >= 1 ? ALL : Math.floor(ratio * (ALL - 1))
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0')
}

/** Has ids only where somebody asks for them: a job that is submitted, a line of the log. */
class UnseenRoot implements Span {
  readonly recording = false
  readonly #roots: Roots
  readonly #drawn: number
  #context: TraceContext | undefined

  constructor(roots: Roots, drawn: number) {
    this.#roots = roots
    this.#drawn = drawn
  }

  get context(): TraceContext {
    this.#context ??= { traceparent: `00-${this.#roots.traceId(this.#drawn)}-${this.#roots.generateSpanId()}-00` }
    return this.#context
  }

  child(): Span {
    return this
  }

  set(): void {}

  failed(): void {}

  end(): void {}
}
