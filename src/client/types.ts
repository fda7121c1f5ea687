// What the client's methods take and give: the types of the operations table, with files, downloads and event streams as
// every JavaScript runtime has them.
import type { StreamedEvent } from '../contract/operation.ts'
import type { Input, OperationName, Output, operations } from '../contract/operations/index.ts'

export interface ClientOptions {
  /** Such as `http://localhost:8080`. */
  readonly baseUrl: string
  readonly tenantId?: string
  /** Sent with every request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>
  readonly fetch?: (input: string, init: RequestInit) => Promise<Response>
  /** For one attempt, until its reply begins and (but for streams) has been read; default 60 s. */
  readonly timeoutMs?: number
  /** Further attempts after the first; default 2. */
  readonly retries?: number
}

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Made by the client for operations that honour it, where none is given. */
  readonly idempotencyKey?: string
  readonly requestId?: string
  /** Sent with this call, over those of the client: `traceparent`, for example. */
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  readonly retries?: number
}

/** Streams and iterables are sent as they come (Node.js; browsers want a Blob) and cannot be retried. */
export type FileSource = Blob | Uint8Array | string | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>

export interface FileFields {
  readonly file: FileSource
  /** Default: the name of a `File`, else "upload". */
  readonly filename?: string
}

export interface Downloaded {
  readonly stream: ReadableStream<Uint8Array>
  readonly filename: string
  /** In bytes, where the service knows it. */
  readonly size: number | undefined
}

type Table = typeof operations

/** Which operations take a file, and whether they must; held against the table by a test. */
export interface FileInputs {
  readonly 'datasets.create': Partial<FileFields>
  readonly 'features.ingest': Partial<FileFields>
  readonly 'versions.import': FileFields
  readonly 'batch_jobs.create': Partial<FileFields>
}

export type ClientInput<N extends OperationName> = Input<N> & (N extends keyof FileInputs ? FileInputs[N] : unknown)

export type ClientOutput<N extends OperationName> = Table[N]['reply'] extends 'download'
  ? Downloaded
  : Table[N]['reply'] extends 'events'
    ? AsyncIterable<StreamedEvent>
    : Output<N>

/** Event streams are iterated at once; everything else is awaited. The input may be left out where nothing is required. */
type Method<N extends OperationName> = Table[N]['reply'] extends 'events'
  ? (input: Input<N>, options?: CallOptions) => AsyncIterable<StreamedEvent>
  : Record<never, never> extends ClientInput<N>
    ? (input?: ClientInput<N>, options?: CallOptions) => Promise<ClientOutput<N>>
    : (input: ClientInput<N>, options?: CallOptions) => Promise<ClientOutput<N>>

type Noun = OperationName extends infer N ? (N extends `${infer Noun}.${string}` ? Noun : never) : never

/** `models.train` becomes `models: { train }`, `inference` stays as it is. */
export type MlClient = {
  readonly [N in OperationName as N extends `${string}.${string}` ? never : N]: Method<N>
} & {
  readonly [P in Noun]: { readonly [N in OperationName as N extends `${P}.${infer Verb}` ? Verb : never]: Method<N> }
}
