// What a verb is handed, made for every request. The signal stays unmade until it is read, also by a copy of the ctx.
import type { Call } from '../core/caller.ts'
import { NO_SPAN } from '../core/trace.ts'
import type { Services } from '../domain/ctx.ts'
import type { Serving, ServingCtx } from '../domain/serving/index.ts'
import { seenBy } from '../domain/traced.ts'

const CALL = Symbol('call')

interface Asked {
  readonly [CALL]: Call
}

/**
 * One accessor for all: a getter in an object literal is a function of its own for each ctx, which the engine remembers in the
 * old generation, and with it the whole request (decision 037).
 */
const SIGNAL = {
  enumerable: true,
  configurable: true,
  get(this: Asked): AbortSignal {
    return this[CALL].signal
  },
}

export function ctxMaker(services: Services, serving: Serving): (call: Call) => ServingCtx {
  return (call) => {
    const gone = () => (call.gone ? call.gone() : call.signal.aborted)
    const { caller, span = NO_SPAN } = call
    const seen = span.recording && seenBy(services, span)
    const ctx = { ...services, ...seen, serving, caller, span, gone, [CALL]: call }
    return Object.defineProperty(ctx, 'signal', SIGNAL) as typeof ctx & { readonly signal: AbortSignal }
  }
}
