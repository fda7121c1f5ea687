// Predictions that are refused before they are read, as soon as their headers name the model: before framework, body and call are made of
// them. Under three times the load that a model bears, what a refusal costs decides how much of the processor is left for answers.
import type { IncomingMessage } from 'node:http'
import type { WantedModel } from '../../core/data-plane.ts'
import type { OpenInference } from '../../core/open-inference.ts'
import { requestIdOf } from '../../core/request-id.ts'
import { toJson } from '../json.ts'
import type { Refusal, TurnAway } from '../refuse-early.ts'
import type { OipContext } from './routes.ts'

const INFER = /^\/v2\/models\/([^/?%]+)(?:\/versions\/([^/?%]+))?\/infer\/?(?:\?|$)/
const BODY = toJson({ error: 'Too many predictions are waiting' })

/** None where the request must be read to know, where finding out who asks takes a while, and where something is wrong with it, which is said on its usual way. */
export function turnAwayOf(plane: OpenInference, authenticate: OipContext['authenticate']): TurnAway {
  return (request) => {
    const wanted = plane.turnAway && wantedOf(request)
    if (!wanted) return undefined
    try {
      const requestId = requestIdOf(request.headers)
      const caller = authenticate(request.headers, requestId)
      if (!(caller instanceof Promise)) return refusalOf(requestId, plane.turnAway?.(caller, wanted))
      caller.catch(() => undefined) // asked again on the usual way
    } catch {
      // Thrown again there.
    }
    return undefined
  }
}

function wantedOf({ url = '' }: IncomingMessage): WantedModel | undefined {
  const [found, model = '', version] = INFER.exec(url) ?? []
  return found === undefined ? undefined : { model, ...(version !== undefined && { version }) }
}

function refusalOf(requestId: string, retryAfterSeconds: number | undefined): Refusal | undefined {
  return retryAfterSeconds === undefined
    ? undefined
    : { requestId, status: 503, retryAfterSeconds, body: BODY, operation: 'v2.infer' }
}
