// What the HTTP face offers beside the operations: metrics, its own description, and a page that shows it.
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../core/metrics.ts'
import { docsPage } from './docs-page.ts'
import { toJson } from './json.ts'

export function addServiceRoutes(app: FastifyInstance, metrics: Metrics, openapi: unknown): void {
  const document = toJson(openapi)
  const page = docsPage()
  const policy = [
    "default-src 'none'",
    "connect-src 'self'",
    `style-src ${digest(page.style)}`,
    `script-src ${digest(page.script)}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

  app.get('/metrics', async (_request, reply) => {
    reply.header('content-type', metrics.registry.contentType)
    return metrics.registry.metrics()
  })
  app.get('/openapi.json', (_request, reply) => {
    reply.header('content-type', 'application/json; charset=utf-8').send(document)
  })
  app.get('/docs', (_request, reply) => {
    reply.header('content-type', 'text/html; charset=utf-8').header('content-security-policy', policy).send(page.html)
  })
  app.get('/', (_request, reply) => {
    reply.redirect('/docs', 302)
  })
}

function digest(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
