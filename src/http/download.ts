// Downloads: bytes with a name. A source that ends short of the size it promised breaks the connection, because a client
// that was told a Content-Length would otherwise wait for the rest, or keep half a file.
import { pipeline, type Readable, Transform } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Download } from '../contract/operation.ts'

export function sendDownload(
  reply: FastifyReply,
  { stream, filename, size, mediaType }: Download,
  usual: string,
): void {
  reply.header('content-type', mediaType ?? usual).header('content-disposition', disposition(filename))
  if (size === undefined) {
    reply.send(stream)
    return
  }
  reply.header('content-length', size).send(ofSize(stream, size))
}

function ofSize(source: Readable, size: number): Readable {
  let seen = 0
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length
      done(seen > size ? new Error(`The source is longer than ${size} bytes`) : null, chunk)
    },
    flush: (done) => done(seen < size ? new Error(`The source ended after ${seen} of ${size} bytes`) : null),
  })
  // Errors reach the reply through the counter, which the pipeline destroys with them.
  return pipeline(source, counter, () => {})
}

/** Names outside ASCII travel in `filename*` (RFC 6266); old readers see them with "_". */
function disposition(filename: string): string {
  const plain = filename.replace(/[^\x20-\x7e]|["\\]/g, '_')
  const encoded = encodeURIComponent(filename).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"${plain === filename ? '' : `; filename*=UTF-8''${encoded}`}`
}
