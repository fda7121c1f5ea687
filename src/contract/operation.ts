// One operation: everything a face needs to know to offer it. HTTP routes, OpenAPI, the typed client, the NATS endpoints
// and the tenancy test derive from these; none of them repeats a shape.
import type { Readable } from 'node:stream'
import type { Static, TSchema } from 'typebox'

/** Commands change state, queries do not. */
export type OperationKind = 'command' | 'query'

/** Who may call it: `read` the registry, `write` to it, `predict`, or look at the `service` itself. */
export type Permission = 'read' | 'write' | 'predict' | 'service'

/**
 * Where the fields of `input` travel over HTTP, beside those named in the path:
 * `query` – in the query string; `fields` – as members of a JSON body; `row` – the JSON body itself is the one field
 * `body`; `fields-or-file` – a JSON body, or multipart with the same fields and a `file`, or a bare file; `file` – multipart only.
 */
export type BodyForm = 'query' | 'fields' | 'row' | 'fields-or-file' | 'file'

/**
 * `envelope` – `{success, message?, data}`; `bare` – the output itself; `download` – bytes; `events` – server-sent events;
 * `probe` – the output itself, with status 503 while its `ready` is false.
 */
export type ReplyForm = 'envelope' | 'bare' | 'download' | 'events' | 'probe'

export interface Operation<I extends TSchema = TSchema, O extends TSchema = TSchema, R extends ReplyForm = ReplyForm> {
  readonly kind: OperationKind
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With `{parameter}` places, each a field of `input`. */
  readonly path: string
  readonly tag: string
  readonly summary: string
  readonly permission: Permission
  readonly input: I
  readonly output: O
  readonly body: BodyForm
  readonly reply: R
  readonly status: 200 | 201 | 202
  /** `message` of the envelope. */
  readonly message?: string
  /** Honours `Idempotency-Key`. */
  readonly idempotent?: true
  /** May work for minutes before there is anything to say. Operations that take files may anyway. */
  readonly long?: true
  /** Of a `download`. Default: bytes. */
  readonly mediaTypes?: readonly [string, ...string[]]
}

/** What a `download` may come as; the first where the reply does not say. */
export function mediaTypesOf({ mediaTypes }: Operation): readonly [string, ...string[]] {
  return mediaTypes ?? ['application/octet-stream']
}

export interface Upload {
  readonly filename: string
  /** Must be consumed to the end or destroyed. */
  readonly stream: Readable
  /** Of all bytes, in hex, where it is known. */
  readonly sha256?: string
  /** Where its bytes can be read as a file until the operation ends, on systems that have such a place. */
  readonly path?: string
}

export interface Download {
  readonly stream: Readable
  readonly filename: string
  readonly size?: number
  /** Where it is not the first of the operation. */
  readonly mediaType?: string
}

/** One server-sent event. */
export interface StreamedEvent {
  readonly id?: string
  readonly event: string
  readonly data: unknown
}

export type InputOf<T extends Operation> = Static<T['input']>
export type OutputOf<T extends Operation> = T['reply'] extends 'download'
  ? Download
  : T['reply'] extends 'events'
    ? AsyncIterable<StreamedEvent>
    : Static<T['output']>

type Settings<I extends TSchema, O extends TSchema, R extends ReplyForm> = Omit<
  Operation<I, O, R>,
  'body' | 'status' | 'kind' | 'permission'
> & { readonly body?: BodyForm; readonly status?: 200 | 201 | 202; readonly permission?: Permission }

/** Changes state. */
export function command<I extends TSchema, O extends TSchema, const R extends ReplyForm>(
  settings: Settings<I, O, R>,
): Operation<I, O, R> {
  return { kind: 'command', body: 'fields', status: 200, permission: 'write', ...settings }
}

/** Changes nothing. */
export function query<I extends TSchema, O extends TSchema, const R extends ReplyForm>(
  settings: Settings<I, O, R>,
): Operation<I, O, R> {
  return { kind: 'query', body: 'query', status: 200, permission: 'read', ...settings }
}
