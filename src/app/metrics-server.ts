// /metrics on a port of its own (PROMETHEUS_PORT), for scrapers that must not reach the rest of the service.
import { createServer } from 'node:http'
import type { Metrics } from '../core/metrics.ts'

export interface MetricsServer {
  readonly port: number
  close(): Promise<void>
}

/** @throws when the port is taken. */
export function startMetricsServer(
  { registry }: Metrics,
  place: { host: string; port: number },
): Promise<MetricsServer> {
  const server = createServer((request, reply) => {
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET' || path !== '/metrics') {
      reply.writeHead(404).end('Only GET /metrics is here\n')
      return
    }
    registry.metrics().then(
      (text) => reply.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => reply.writeHead(500).end(),
    )
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(place.port, place.host, () => {
      const address = server.address()
      resolve({
        port: typeof address === 'object' && address ? address.port : place.port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed())
            server.closeAllConnections()
          }),
      })
    })
  })
}
