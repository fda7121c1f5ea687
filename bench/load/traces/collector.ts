// A collector of traces that reads what it is sent, and throws it away.
import { createServer } from 'node:http'

const server = createServer((request, reply) => {
  request.resume()
  request.once('end', () => reply.writeHead(200, { 'content-type': 'application/json' }).end('{}'))
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port))
process.once('disconnect', () => process.exit(0))
