// The Open Inference Protocol v2 over HTTP: every route of the protocol and its extensions, in a scope of its own, because
// bodies here may be raw tensors and come without a type.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Call } from '../../core/caller.ts'
import type { WantedModel } from '../../core/data-plane.ts'
import { configDocument, metadataDocument, statisticsDocument } from '../../core/oip/documents.ts'
import type { OpenInference } from '../../core/open-inference.ts'
import { readRawBodies } from '../body.ts'
import { callOf, SENT, sent } from '../call.ts'
import { toJson } from '../json.ts'
import type { RouteContext } from '../routes.ts'
import { infer } from './infer.ts'
import { modelOpenApi } from './model-openapi.ts'
import { addRepositoryRoutes } from './repository.ts'
import { addSettingRoutes } from './settings.ts'

export interface OipContext extends Pick<RouteContext, 'authenticate' | 'observe'> {
  readonly plane: OpenInference
  /** Largest body of an inference request, before and after decompression. */
  readonly maxTensorBytes: number
}

/** What a route does: its value is sent as JSON, `undefined` as an empty 200; a handler that replies itself gives SENT. */
export type OipWork = (call: Call, request: FastifyRequest, reply: FastifyReply) => unknown

export interface OipRoute {
  readonly method: 'GET' | 'POST'
  readonly url: string
  /** Label of the metrics. */
  readonly operation: `v2.${string}`
  readonly work: OipWork
}

export function addOpenInference(app: FastifyInstance, context: OipContext): void {
  app.register(async (scope) => {
    readRawBodies(scope, context.maxTensorBytes)
    addServerRoutes(scope, context)
    addModelRoutes(scope, context)
    addRepositoryRoutes(scope, context)
    addSettingRoutes(scope, context)
  })
}

export function addOipRoute(app: FastifyInstance, route: OipRoute, context: OipContext) {
  const { method, url, operation, work } = route
  app.route({
    method,
    url,
    bodyLimit: context.maxTensorBytes,
    config: { operation },
    handler: async (request, reply) => {
      const found = context.authenticate(request.headers, request.id)
      const call = callOf(request, reply, found instanceof Promise ? await found : found)
      const value = await work(call, request, reply)
      if (value !== SENT) {
        if (value === undefined) reply.send()
        else reply.header('content-type', 'application/json').send(toJson(value))
      }
      context.observe(request, reply.statusCode)
      return sent(reply)
    },
  })
}

function addServerRoutes(app: FastifyInstance, context: OipContext): void {
  const { plane } = context
  const get = (url: string, operation: OipRoute['operation'], work: OipWork) =>
    addOipRoute(app, { method: 'GET', url, operation, work }, context)
  get('/v2', 'v2.metadata', () => plane.server())
  get('/v2/health/live', 'v2.live', () => ({ live: true }))
  get('/v2/health/ready', 'v2.ready', (_call, _request, reply) => {
    const ready = plane.ready()
    if (!ready) reply.code(503)
    return { live: true, ready }
  })
  get('/v2/models/stats', 'v2.stats', async (call) => statisticsDocument(await plane.statistics(call)))
}

/** Every route of a model is also there for one of its versions. */
function addModelRoutes(app: FastifyInstance, context: OipContext): void {
  const { plane } = context
  for (const base of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    const get = (url: string, operation: OipRoute['operation'], work: OipWork) =>
      addOipRoute(app, { method: 'GET', url: base + url, operation, work }, context)
    get('', 'v2.model_metadata', async (call, request) =>
      metadataDocument(await plane.metadata(call, referenceOf(request))),
    )
    get('/ready', 'v2.model_ready', async (call, request, reply) => {
      const ready = await plane.modelReady(call, referenceOf(request))
      if (!ready) reply.code(503)
      return { name: referenceOf(request).model, ready }
    })
    get('/config', 'v2.model_config', async (call, request) =>
      configDocument(await plane.config(call, referenceOf(request))),
    )
    get('/openapi.json', 'v2.model_openapi', async (call, request) =>
      modelOpenApi(await plane.describe(call, referenceOf(request))),
    )
    get('/stats', 'v2.model_stats', async (call, request) =>
      statisticsDocument(await plane.statistics(call, referenceOf(request))),
    )
    addOipRoute(
      app,
      {
        method: 'POST',
        url: `${base}/infer`,
        operation: 'v2.infer',
        work: (call, request, reply) => infer(plane, { call, model: referenceOf(request) }, { request, reply }),
      },
      context,
    )
  }
}

export function referenceOf(request: FastifyRequest): WantedModel {
  return request.params as WantedModel
}
