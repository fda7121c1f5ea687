// Requests that match no route: 405 with `Allow` where the path is known under another method, else 404.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { fail } from '../core/failure.ts'

interface KnownPath {
  readonly pattern: RegExp
  readonly methods: Set<string>
}

/** Collects every route that is added from now on, those of `setupRoutes` too; returns the handler that throws. */
export function trackRoutes(app: FastifyInstance): (request: FastifyRequest, reply: FastifyReply) => never {
  const known = new Map<string, KnownPath>()
  app.addHook('onRoute', ({ url, method }) => {
    const path = known.get(url) ?? { pattern: patternOf(url), methods: new Set() }
    for (const one of [method].flat()) path.methods.add(one)
    known.set(url, path)
  })
  return (request, reply) => {
    const path = request.url.split('?', 1)[0]!
    const methods = new Set([...known.values()].filter((k) => k.pattern.test(path)).flatMap((k) => [...k.methods]))
    if (methods.size === 0) throw fail('not_found', 'ROUTE_NOT_FOUND', `There is nothing at ${request.method} ${path}`)
    const allow = [...methods].sort().join(', ')
    reply.header('allow', allow)
    throw fail('not_found', 'METHOD_NOT_ALLOWED', `${path} does not answer ${request.method}, only ${allow}`)
  }
}

function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')))
    .join('/')
  return new RegExp(`^${source}/?$`)
}
