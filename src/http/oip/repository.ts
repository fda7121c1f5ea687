// The model repository extension. What is live is decided by deployments; here a replica is asked what it has, told to load
// it, or told to let it go.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { fail } from '../../core/failure.ts'
import { readJson } from '../../core/json.ts'
import { type Parameters, parametersOf } from '../../core/oip/parameters.ts'
import { refuseLoadParameters } from '../../core/oip/repository.ts'
import type { RepositoryEntry } from '../../core/open-inference.ts'
import { addOipRoute, type OipContext, referenceOf } from './routes.ts'

export function addRepositoryRoutes(app: FastifyInstance, context: OipContext): void {
  const { plane } = context
  // With and without a repository's name: there is one repository, so its name says nothing.
  for (const base of ['/v2/repository', '/v2/repository/:repository']) {
    addOipRoute(
      app,
      {
        method: 'POST',
        url: `${base}/index`,
        operation: 'v2.repository_index',
        work: async (call, request) => indexDocument(await plane.repositoryIndex(call), bodyOf(request).ready === true),
      },
      context,
    )
    addOipRoute(
      app,
      {
        method: 'POST',
        url: `${base}/models/:model/load`,
        operation: 'v2.repository_load',
        work: (call, request) => {
          refuseLoadParameters(Object.keys(parametersIn(request)))
          return plane.load(call, referenceOf(request).model)
        },
      },
      context,
    )
    addOipRoute(
      app,
      {
        method: 'POST',
        url: `${base}/models/:model/unload`,
        operation: 'v2.repository_unload',
        work: (call, request) => {
          parametersIn(request)
          return plane.unload(call, referenceOf(request).model)
        },
      },
      context,
    )
  }
}

function indexDocument(entries: readonly RepositoryEntry[], onlyReady: boolean) {
  return entries.filter(({ state }) => !onlyReady || state === 'READY')
}

/** Clients send no body at all, `{}`, or a document. */
function bodyOf(request: FastifyRequest): Readonly<Record<string, unknown>> {
  const bytes = request.body as Buffer | undefined
  if (bytes === undefined) return {}
  const value = readJson(bytes)
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>
  throw fail('malformed', 'INFERENCE_REQUEST_MALFORMED', 'The request body must be a JSON object')
}

function parametersIn(request: FastifyRequest): Parameters {
  return parametersOf(bodyOf(request).parameters, 'request')
}
