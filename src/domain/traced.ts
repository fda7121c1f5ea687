// What a request or a job that is being traced works with: log lines that name the trace, and an object store whose calls are
// spans. Made only for those that are recorded, so that all others pay nothing.
import { ended, logFieldsOf, type Span, type SpanAttributes } from '../core/trace.ts'
import type { Objects } from '../ports/objects/index.ts'
import type { Ctx, Services } from './ctx.ts'

type Seen = Pick<Services, 'log' | 'objects'>

export function seenBy({ log, objects }: Seen, span: Span): Seen {
  return { log: log.child(logFieldsOf(span)), objects: tracedObjects(objects, span) }
}

/** The ctx of work that the service does by itself, within the span that was begun for it. */
export function within<C extends Ctx>(ctx: C, span: Span): C {
  return { ...ctx, span, ...(span.recording && seenBy(ctx, span)) }
}

function tracedObjects(objects: Objects, span: Span): Objects {
  const begin = (name: string, attributes: SpanAttributes) =>
    span.child(`objects.${name}`, { kind: 'client', attributes })
  const of = (key: string) => ({ 'modelyard.object.key': key })
  return {
    put: (key, body, options) => ended(begin('put', of(key)), () => objects.put(key, body, options)),
    get: (key, range) => ended(begin('get', of(key)), () => objects.get(key, range)),
    stat: (key) => ended(begin('stat', of(key)), () => objects.stat(key)),
    list: (prefix) => objects.list(prefix),
    delete: (keys) => ended(begin('delete', { 'modelyard.object.count': keys.length }), () => objects.delete(keys)),
    // Until the file is there; what is done with it has spans of its own.
    async localFile(key, use, options) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const there = ended(begin('local_file', of(key)), () => promise)
      there.catch(() => {})
      try {
        const seen = (path: string) => {
          resolve()
          return use(path)
        }
        return await objects.localFile(key, seen, options)
      } catch (error) {
        reject(error)
        throw error
      }
    },
    ping: () => objects.ping(),
    close: () => objects.close(),
  }
}
