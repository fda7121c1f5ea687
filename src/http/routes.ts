// One route an operation, made from the table: read the request, dispatch, answer in the operation's reply form.
import { Socket } from 'node:net'
import fastifyMultipart from '@fastify/multipart'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Download, mediaTypesOf, type Operation, type StreamedEvent } from '../contract/operation.ts'
import { type OperationName, operations } from '../contract/operations/index.ts'
import type { Call, Caller, Dispatch } from '../core/caller.ts'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { unsupportedType } from './body.ts'
import { callOf, sent } from './call.ts'
import { sendDownload } from './download.ts'
import { sendEvents } from './events.ts'
import { errorResponse, fromFramework } from './failures.ts'
import { inputReader } from './input.ts'
import { toJson } from './json.ts'
import { type Form, type FormLimits, readForm } from './multipart.ts'
import { isFile, leaveFileBodies, readFile } from './raw-file.ts'

export interface RouteContext {
  readonly dispatch: Dispatch
  readonly authenticate: (headers: FastifyRequest['headers'], requestId: string) => Promise<Caller> | Caller
  readonly log: Log
  readonly clock: Clock
  readonly formLimits: FormLimits
  readonly heartbeatMs: number
  /** Ends event streams when the service stops; everything else finishes. */
  readonly stopping: AbortSignal
  /** Called once a reply is out (or, for streams, over). */
  readonly observe: (request: FastifyRequest, status: number) => void
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>
/** The table is walked by name, so the types of single operations are out of reach here; dispatch checks the values. */
type AnyDispatch = (name: OperationName, input: unknown, call: Call) => Promise<unknown>
type Answer = (request: FastifyRequest, reply: FastifyReply, output: unknown) => unknown

export function addOperations(app: FastifyInstance, context: RouteContext): void {
  const names = Object.keys(operations) as OperationName[]
  for (const name of names.filter((name) => !takesFile(operations[name]))) addRoute(app, name, context)
  // Its own scope: the multipart plug-in hooks into every request of the scope it is registered in.
  app.register(async (scope) => {
    await scope.register(fastifyMultipart, { throwFileSizeLimit: false })
    leaveFileBodies(scope)
    for (const name of names.filter((name) => takesFile(operations[name]))) addRoute(scope, name, context)
  })
}

function takesFile(operation: Operation): boolean {
  return operation.body === 'file' || operation.body === 'fields-or-file'
}

function addRoute(app: FastifyInstance, name: OperationName, context: RouteContext): void {
  const operation: Operation = operations[name]
  app.route({
    method: operation.method,
    url: operation.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    // HEAD would run the whole stream only to throw it away.
    exposeHeadRoute: operation.method === 'GET' && operation.reply !== 'events' && operation.reply !== 'download',
    config: { operation: name },
    handler: takesFile(operation) ? formHandler(name, context) : plainHandler(name, context),
  })
}

function plainHandler(name: OperationName, context: RouteContext): Handler {
  const operation: Operation = operations[name]
  const { authenticate } = context
  const dispatch = context.dispatch as AnyDispatch
  const isLong = operation.long === true || takesFile(operation)
  const read = inputReader(operation)
  const answer = answerer(operation, context)
  // Health is the same for every tenant, and is told whatever else those who look after processes send along.
  const headersOf: (request: FastifyRequest) => FastifyRequest['headers'] =
    name === 'health' ? ({ headers }) => ({ ...headers, 'x-tenant-id': undefined }) : ({ headers }) => headers
  return async (request, reply) => {
    const found = authenticate(headersOf(request), request.id)
    const caller = found instanceof Promise ? await found : found
    const input = read(request, request.body)
    const call = callOf(request, reply, caller)
    const output = isLong ? unhurried(request, () => dispatch(name, input, call)) : dispatch(name, input, call)
    return answer(request, reply, await output)
  }
}

function formHandler(name: OperationName, context: RouteContext): Handler {
  const operation: Operation = operations[name]
  const plain = plainHandler(name, context)
  const dispatch = context.dispatch as AnyDispatch
  const read = inputReader(operation)
  const answer = answerer(operation, context)
  return async (request, reply) => {
    const bare = operation.body === 'fields-or-file' && isFile(request)
    if (!bare && !request.isMultipart()) {
      if (operation.body === 'fields-or-file') return plain(request, reply)
      throw unsupportedType('Send multipart/form-data with the file in the field "file"')
    }
    // Before the body: a caller who may not upload is told so before sending gigabytes.
    const caller = await context.authenticate(request.headers, request.id)
    const { formLimits } = context
    const form = bare ? await readFile(request, formLimits) : await readForm(request, operation, formLimits)
    try {
      const input = read(request, form.fields)
      const call = callOf(request, reply, caller, form.upload)
      return await answer(request, reply, await unhurried(request, () => dispatch(name, input, call)))
    } finally {
      await release(form)
    }
  }
}

/** A connection is silent while the service works, and must not be taken for a dead one. Before and after, the client is waited for. */
async function unhurried<T>({ raw: { socket }, server }: FastifyRequest, work: () => Promise<T>): Promise<T> {
  if (!(socket instanceof Socket)) return work()
  socket.setTimeout(0)
  try {
    return await work()
  } finally {
    socket.setTimeout(server.server.timeout)
  }
}

async function release(form: Form): Promise<void> {
  const stream = form.upload?.stream
  if (stream && !stream.closed) {
    const closed = new Promise((resolve) => stream.once('close', resolve))
    stream.on('error', () => {}).destroy()
    await closed
  }
  await form.discard()
}

function answerer(operation: Operation, context: RouteContext): Answer {
  switch (operation.reply) {
    case 'envelope':
      return jsonAnswer(context, () => operation.status, envelope(operation.message))
    case 'bare':
      return jsonAnswer(context, () => operation.status, toJson)
    case 'probe':
      return jsonAnswer(context, (output) => ((output as { ready: boolean }).ready ? 200 : 503), toJson)
    case 'download':
      return (request, reply, output) => {
        reply.raw.once('close', () => context.observe(request, reply.statusCode))
        sendDownload(reply, output as Download, mediaTypesOf(operation)[0])
        return reply
      }
    case 'events':
      return (request, reply, output) => answerEvents(request, reply, output as AsyncIterable<StreamedEvent>, context)
  }
}

function jsonAnswer(context: RouteContext, status: (output: unknown) => number, write: (o: unknown) => string): Answer {
  return (request, reply, output) => {
    const code = status(output)
    // A string with its type set goes out as it is: Fastify neither serialises it nor looks for a reply schema.
    reply.code(code).header('content-type', 'application/json; charset=utf-8').send(write(output))
    context.observe(request, code)
    return sent(reply)
  }
}

function envelope(message: string | undefined): (output: unknown) => string {
  const head = `{"success":true,${message === undefined ? '' : `"message":${JSON.stringify(message)},`}"data":`
  return (output) => `${head}${toJson(output)}}`
}

async function answerEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  events: AsyncIterable<StreamedEvent>,
  { clock, heartbeatMs, log, observe, stopping }: RouteContext,
): Promise<void> {
  const gone = new AbortController()
  // Who left while the operation was asked has been told of already.
  if (reply.raw.destroyed) gone.abort()
  else reply.raw.once('close', () => gone.abort())
  await sendEvents(reply, events, {
    signal: AbortSignal.any([gone.signal, stopping]),
    heartbeatMs,
    describe: (error) => {
      const failure = fromFramework(error)
      if (failure.kind === 'internal') log.error({ requestId: request.id, stack: failure.stack }, failure.message)
      return errorResponse(failure, request.id, clock)
    },
  })
  observe(request, 200)
}
