// The gRPC face: the Open Inference Protocol, health and reflection. Inference messages are read and written by hand (see
// wire.ts); everything else goes through the definitions of open_inference.proto.
import { fileURLToPath } from 'node:url'
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { loadSync, type PackageDefinition, type Serialize, type ServiceDefinition } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'
import { HealthImplementation } from 'grpc-health-check'
import type { Call } from '../core/caller.ts'
import { asFailure } from '../core/failure.ts'
import type { Log } from '../core/log.ts'
import type { OpenInference } from '../core/open-inference.ts'
import { NO_TRACER, type Tracer } from '../core/trace.ts'
import { type Authenticate, callOf, type Envelope, envelopeOf, headersOf } from './call.ts'
import { type DirectMethod, stepIn, type UnaryCall } from './direct-unary.ts'
import { messageOf, serviceError } from './failures.ts'
import { type Message, unaryHandlers, type Work } from './handlers.ts'
import { writeInferReply, writeStreamError, writeStreamReply } from './infer-reply.ts'
import { readHead, readInferRequest } from './infer-request.ts'
import { answerStream, type StreamCall } from './stream.ts'
import type { WireWriter } from './wire.ts'

export interface GrpcOptions {
  readonly plane: OpenInference
  readonly authenticate: Authenticate
  readonly log: Log
  /** Default: no traces are kept. */
  readonly tracer?: Tracer
  /** Largest message; default 256 MiB. */
  readonly maxMessageBytes?: number
}

export interface GrpcServer {
  readonly port: number
  /** Calls that are here are answered, for `limitMs` at most. */
  close(limitMs?: number): Promise<void>
}

const MAX_MESSAGE_BYTES = 256 * 1024 * 1024
const CLOSE_LIMIT_MS = 7_000
const SERVICE = 'inference.GRPCInferenceService'

/** @throws when the port is taken. */
export async function startGrpc(options: GrpcOptions, place: { host: string; port: number }): Promise<GrpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': options.maxMessageBytes ?? MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': -1,
  })
  stepIn(server, directInference(options))
  const definitions = loadDefinitions()
  server.addService(withRawInference(definitions[SERVICE] as ServiceDefinition), implementation(options))
  const health = new HealthImplementation({ '': 'SERVING', [SERVICE]: 'SERVING' })
  health.addToServer(server)
  new ReflectionService(definitions).addToServer(server)
  const port = await bind(server, `${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}`)
  return {
    port,
    close: (limitMs = CLOSE_LIMIT_MS) => {
      for (const name of ['', SERVICE]) health.setStatus(name, 'NOT_SERVING')
      return shutDown(server, limitMs)
    },
  }
}

function loadDefinitions(): PackageDefinition {
  return loadSync(fileURLToPath(new URL('./open_inference.proto', import.meta.url)), {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
  })
}

/** Inference arrives and leaves as the bytes of its messages. */
function withRawInference(service: ServiceDefinition): ServiceDefinition {
  const asIs = (bytes: Buffer) => bytes
  const raw = Object.fromEntries(
    ['ModelInfer', 'ModelStreamInfer'].map((name) => [
      name,
      { ...service[name]!, requestDeserialize: asIs, responseSerialize: asIs as Serialize<object> },
    ]),
  )
  return { ...service, ...raw }
}

function implementation(options: GrpcOptions): UntypedServiceImplementation {
  const { plane } = options
  const unary = Object.entries(unaryHandlers(plane)).map(
    ([name, work]) => [name, unaryCall({ name, work }, options)] as const,
  )
  const infer: Work = async (call, request) => (await inferOne(plane, call, request as unknown as Buffer)).finish()
  return {
    ...Object.fromEntries(unary),
    ModelInfer: unaryCall({ name: 'ModelInfer', work: infer }, options),
    ModelStreamInfer: (call: StreamCall) => inferStream(call, options),
  }
}

interface Method {
  readonly name: string
  readonly work: Work
}

function unaryCall({ name, work }: Method, { authenticate, log, tracer = NO_TRACER }: GrpcOptions) {
  const method = `${SERVICE}/${name}`
  return (request: ServerUnaryCall<Message, unknown>, reply: sendUnaryData<unknown>): void => {
    const envelope = envelopeOf(headersOf(request.metadata), method, tracer)
    const { requestId, span } = envelope
    callOf(request, envelope, authenticate)
      .then((call) => work(call, request.request))
      .then(
        (value) => {
          reply(null, value)
          span.set(ANSWERED)
          span.end()
        },
        (error: unknown) => {
          reply(serviceError(error, { log, requestId, span }))
          span.end()
        },
      )
  }
}

/** ModelInfer as nearly every client calls it. */
function directInference(options: GrpcOptions): DirectMethod {
  const { plane, authenticate, log, tracer = NO_TRACER, maxMessageBytes = MAX_MESSAGE_BYTES } = options
  const method = `${SERVICE}/ModelInfer`
  const envelopes = new WeakMap<UnaryCall, Envelope>()
  return {
    path: `/${method}`,
    maxMessageBytes,
    async answer(asked, message) {
      const envelope = envelopeOf(asked.headers, method, tracer)
      envelopes.set(asked, envelope)
      const parts = (await inferOne(plane, await callOf(asked, envelope, authenticate), message)).parts()
      envelope.span.set(ANSWERED)
      envelope.span.end()
      return parts
    },
    failed(asked, error) {
      const { requestId, span } = envelopes.get(asked)!
      const failure = serviceError(error, { log, requestId, span })
      span.end()
      return failure
    },
  }
}

const ANSWERED = { 'rpc.response.status_code': 'OK' }

async function inferOne(plane: OpenInference, call: Call, bytes: Buffer): Promise<WireWriter> {
  const asked = readInferRequest(bytes)
  const { model, version, inputs, outputs, priority, timeoutMs } = asked
  const answer = await plane.infer(call, {
    model,
    inputs,
    ...(version !== undefined && { version }),
    ...(outputs && { outputs: outputs.map(({ name }) => name) }),
    ...(priority !== undefined && { priority }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  })
  return writeInferReply(answer, asked)
}

function inferStream(stream: StreamCall, { plane, authenticate, log, tracer = NO_TRACER }: GrpcOptions): void {
  const envelope = envelopeOf(headersOf(stream.metadata), `${SERVICE}/ModelStreamInfer`, tracer)
  const { requestId, span } = envelope
  if (span.recording) for (const end of ['finish', 'cancelled', 'error']) stream.once(end, () => span.end())
  const calling = callOf(stream, envelope, authenticate)
  // Each request of the stream is told; where there is none, nobody else awaits it.
  calling.catch(() => {})
  answerStream(stream, async (bytes) => {
    try {
      return writeStreamReply(await inferOne(plane, await calling, bytes))
    } catch (error) {
      return writeStreamError(messageOf(asFailure(error), { log, requestId, span }), readHead(bytes))
    }
  })
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error)
      else resolve(port)
    })
  })
}

function shutDown(server: Server, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => server.forceShutdown(), limitMs)
    server.tryShutdown(() => {
      clearTimeout(late)
      resolve()
    })
  })
}
