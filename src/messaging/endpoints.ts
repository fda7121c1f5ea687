// The operations as requests over a bus: `ml.command.{operation}` and `ml.query.{operation}`. The data is the JSON body of the
// HTTP request with the path parameters as further members; replies and errors are the same documents.
import type { Operation } from '../contract/operation.ts'
import { type OperationName, operations } from '../contract/operations/index.ts'
import type { Call, Caller, Dispatch } from '../core/caller.ts'
import type { Clock } from '../core/clock.ts'
import { asFailure, fail } from '../core/failure.ts'
import { idempotencyKeyOf } from '../core/idempotency-key.ts'
import { readJson } from '../core/json.ts'
import type { Log } from '../core/log.ts'
import { requestIdOf } from '../core/request-id.ts'
import type { BusReply, BusRequest, Endpoint } from '../core/responder.ts'
import { logFieldsOf, NO_TRACER, type Span, type Tracer, traceContextOf } from '../core/trace.ts'
import { REQUEST_ID_HEADER, refusal, replyOf } from './replies.ts'

export interface EndpointOptions {
  readonly dispatch: Dispatch
  readonly authenticate: (headers: Readonly<Record<string, string>>, requestId: string) => Caller
  readonly clock: Clock
  readonly log: Log
  /** Default: no traces are kept. */
  readonly tracer?: Tracer
  /** After this a request is answered with a failure, and its work is told to stop. */
  readonly timeoutMs: number
}

const KEY_HEADER = 'Idempotency-Key'
/** What says who is asking, and for whom. */
const IDENTITY = ['X-Tenant-ID', 'Authorization', 'X-Sticky-Key'] as const

/** A reply is one message: an endless stream of events has no place here, nor has a file that only a form can carry. */
function isOffered({ reply, body }: Operation): boolean {
  return reply !== 'events' && body !== 'file'
}

function subjectOf(name: OperationName): string {
  return `ml.${operations[name].kind}.${name}`
}

export function createEndpoints(options: EndpointOptions): Endpoint[] {
  const names = (Object.keys(operations) as OperationName[]).filter((name) => isOffered(operations[name]))
  return names.map((name) => {
    const { summary, kind } = operations[name]
    return {
      name: name.replaceAll('.', '-'),
      subject: subjectOf(name),
      metadata: { operation: name, kind, summary },
      answer: (request) => answer(name, request, options),
    }
  })
}

async function answer(name: OperationName, request: BusRequest, options: EndpointOptions): Promise<BusReply> {
  const requestId = requestIdOf({ 'x-request-id': request.header(REQUEST_ID_HEADER) })
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const span = begin(name, request, options)
  const replying = { request, requestId, signal: timeout, clock: options.clock }
  let tenantId: string | undefined
  try {
    const caller = options.authenticate(identityOf(request), requestId)
    tenantId = caller.tenantId
    const key = idempotencyKeyOf(request.header(KEY_HEADER))
    const call: Call = {
      caller,
      signal: timeout,
      ...(span && { span }),
      ...(key !== undefined && { idempotencyKey: key }),
    }
    span?.set({ 'modelyard.request_id': requestId, 'modelyard.tenant': caller.tenantId })
    const input = inputOf(operations[name], request.data)
    const output = await (options.dispatch as AnyDispatch)(name, input, call)
    return await replyOf(operations[name], output, { ...replying, tenantId })
  } catch (error) {
    const late = timeout.aborted && asFailure(error).kind === 'internal'
    const failure = late ? fail('unavailable', 'TIMEOUT', `No answer within ${options.timeoutMs} ms`) : asFailure(error)
    span?.failed(failure)
    if (failure.kind === 'internal') {
      const fields = { requestId, ...(span && logFieldsOf(span)), stack: failure.stack }
      options.log.error(fields, failure.message)
    }
    return await refusal(failure, { ...replying, tenantId })
  } finally {
    span?.end()
  }
}

function begin(name: OperationName, request: BusRequest, { tracer = NO_TRACER }: EndpointOptions): Span | undefined {
  if (!tracer.enabled) return undefined
  const subject = subjectOf(name)
  return tracer.start(`process ${subject}`, {
    kind: 'consumer',
    parent: traceContextOf({ traceparent: request.header('traceparent'), tracestate: request.header('tracestate') }),
    attributes: {
      'messaging.system': 'nats',
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'messaging.destination.name': subject,
      'messaging.message.body.size': request.data.length,
    },
  })
}

type AnyDispatch = (name: OperationName, input: unknown, call: Call) => Promise<unknown>

/** Named as HTTP names them. */
function identityOf(request: BusRequest): Record<string, string> {
  const identity: Record<string, string> = {}
  for (const name of IDENTITY) {
    const value = request.header(name)
    if (value !== undefined) identity[name.toLowerCase()] = value
  }
  return identity
}

function inputOf({ body }: Operation, data: Uint8Array): unknown {
  if (data.length === 0) return {}
  const value = readJson(data, 'request')
  return body === 'row' ? { body: value } : value
}
