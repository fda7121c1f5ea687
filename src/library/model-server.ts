// A small server around one tenant's models: POST /predict/{model_id}, GET /health, and whatever routes its owner adds.
import type { AddressInfo } from 'node:net'
import { type FastifyInstance, fastify } from 'fastify'
import type { Prediction } from '../contract/predictions.ts'
import { systemClock } from '../core/clock.ts'
import { invalid } from '../core/failure.ts'
import { REQUEST_ID_HEADER, requestIdOf } from '../core/request-id.ts'
import { failureReply, fromFramework } from '../http/failures.ts'
import { trackRoutes } from '../http/not-found.ts'
import { ServerError } from './errors.ts'
import type { InputData, ModelManager } from './model-manager.ts'

export interface ModelServerOptions {
  readonly modelManager: ModelManager
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 8000; 0 picks a free one. */
  readonly port?: number
  /** Adds routes beside the two that are always there. */
  readonly setupRoutes?: (app: FastifyInstance) => void | Promise<void>
}

export interface ModelServer {
  readonly app: FastifyInstance
  /** @returns the address it listens on. @throws ServerError, for example when the port is taken. */
  start(): Promise<string>
  stop(): Promise<void>
}

export function createModelServer(options: ModelServerOptions): ModelServer {
  const { modelManager, host = '127.0.0.1', port = 8000, setupRoutes } = options
  const app = fastify({ logger: false, genReqId: (raw) => requestIdOf(raw.headers), requestIdHeader: false })
  app.addHook('onRequest', async (request, reply) => {
    reply.header(REQUEST_ID_HEADER, request.id)
  })
  app.setErrorHandler((error, request, reply) => {
    const failure = fromFramework(error, true)
    const { status, body, retryAfterSeconds } = failureReply(failure, request.id, request.url, systemClock)
    if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds)
    return reply.code(status).type('application/json').send(body)
  })
  app.setNotFoundHandler(trackRoutes(app))
  app.get('/health', async () => ({ status: 'healthy' }))
  app.post<{ Params: { model_id: string }; Body: { input_data?: InputData } | null }>(
    '/predict/:model_id',
    async ({ params, body, headers }) => {
      const input = body?.input_data
      if (input === undefined) throw invalid('request', [{ field: 'input_data', message: 'is required' }])
      const stickyKey = [headers['x-sticky-key']].flat()[0]
      const answer = await modelManager.predict(params.model_id, input, stickyKey === undefined ? {} : { stickyKey })
      const probability = probabilityOf(answer)
      return { prediction: answer.prediction, ...(probability !== undefined && { probability }) }
    },
  )
  if (setupRoutes) app.register(async (scope) => setupRoutes(scope))
  return {
    app,
    async start() {
      try {
        await app.listen({ host, port })
        const address = app.server.address() as AddressInfo
        return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
      } catch (error) {
        throw ServerError.from(error)
      }
    },
    stop: () => app.close(),
  }
}

/** As everywhere: of class 1 where the classes are 0 and 1, else of the predicted class. */
function probabilityOf({ confidence, probabilities }: Prediction): number | undefined {
  const binary = probabilities && Object.keys(probabilities).join() === '0,1'
  return binary ? probabilities['1'] : confidence
}
