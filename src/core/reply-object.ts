// Replies larger than a message of NATS lie in its object store (ADR-20), and the reply is a reference to one: what the service
// that puts them there and the client that reads them agree on. Each chunk has a subject of its own, under the tenant's, so that
// it can be asked for by number and the permissions of NATS can tell tenants apart; to other readers of object stores the chunks
// are one pattern.

export const REPLY_BUCKET = 'ML_REPLIES'
export const REPLY_STREAM = `OBJ_${REPLY_BUCKET}`
/** The dataref of the reply; only references have this header. */
export const REFERENCE_HEADER = 'X-Dataref'
/** A client says here that it has read an object, by its name, so that it need not lie until it expires. */
export const READ_SUBJECT = 'ml.replies.read'

export interface ReplyReference {
  /** Bucket and name, such as `ML_REPLIES/acme.TAmJk…`. */
  readonly dataref: string
  readonly size_bytes: number
  readonly chunks: number
  /** `SHA-256=` and the hash in URL-safe base 64, as object stores of NATS write it. */
  readonly digest: string
  readonly content_type: string
  readonly expires_at: string
}

const NAME = /^[A-Za-z0-9_%-]{1,192}\.[A-Za-z0-9_-]{24}$/

/** A dot parts subjects into words, and the rights of tenant `a` must not reach the objects of tenant `a.b`. */
export function replyName(tenantId: string, secret: string): string {
  return `${tenantId.replaceAll('.', '%2E')}.${secret}`
}

export function isReplyName(name: string): boolean {
  return NAME.test(name)
}

export function datarefOf(name: string): string {
  return `${REPLY_BUCKET}/${name}`
}

export function nameOfDataref(dataref: string): string | undefined {
  const name = dataref.slice(REPLY_BUCKET.length + 1)
  return dataref === datarefOf(name) && isReplyName(name) ? name : undefined
}

/** Of one chunk by its number, or of all of them with `*`. */
export function chunkSubject(name: string, chunk: number | '*'): string {
  return `$O.${REPLY_BUCKET}.C.${name}.${chunk}`
}

export function digestText(sha256: Uint8Array): string {
  const text = btoa(String.fromCharCode(...sha256))
  return `SHA-256=${text.replaceAll('+', '-').replaceAll('/', '_')}`
}
