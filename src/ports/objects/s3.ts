// Objects in S3, or in a server that speaks it. Small bodies are one request, large ones a multipart upload that appears when
// it is completed and is aborted when the source fails.
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import type { ByteRange, ObjectEntry, ObjectStat, Objects } from './index.ts'
import { checkKey, checkPrefix, checkRange, objectExists, objectNotFound } from './key.ts'
import { measured } from './measured.ts'
import type { S3Options } from './open.ts'
import { isMissing, isOutOfRange, isRefused, s3Failure } from './s3-failure.ts'

const PART_BYTES = 8 * 1024 * 1024
const PARTS_IN_FLIGHT = 3
/** One request a key: the bulk request is missing or broken in several servers that speak S3. */
const DELETES_IN_FLIGHT = 16
/** The library's 50 would be taken by as many slow readers, and everybody else, health included, would wait for them. */
const SOCKETS = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY }

export function openS3(options: S3Options): Objects {
  const { bucket: Bucket, prefix = '' } = options
  const client = createClient(options)
  const at = (key: string) => {
    checkKey(key)
    return { Bucket, Key: prefix + key }
  }
  const failing = (error: unknown) => s3Failure(error, options)
  const get = async (key: string, range?: ByteRange): Promise<Readable> => {
    checkRange(range)
    const Range = range && `bytes=${range.start}-${range.end ?? ''}`
    try {
      const { Body } = await client.send(new GetObjectCommand({ ...at(key), Range }))
      return Readable.from(translated(Body as Readable, failing), { objectMode: false })
    } catch (error) {
      if (isOutOfRange(error)) return Readable.from([])
      throw isMissing(error) ? objectNotFound(key, error) : failing(error)
    }
  }
  const stat = async (key: string): Promise<ObjectStat | undefined> => {
    try {
      const head = await client.send(new HeadObjectCommand(at(key)))
      return { size: head.ContentLength ?? 0, modifiedAt: head.LastModified ?? new Date(0) }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw failing(error)
    }
  }
  /** Looked at again at the end: many servers know conditions for one request, and not for an upload in parts. */
  async function* untilThere(chunks: AsyncIterable<Uint8Array>, key: string): AsyncIterable<Uint8Array> {
    yield* chunks
    if (await stat(key)) throw objectExists(key)
  }
  return {
    async put(key, body, { signal, unless, sha256 } = {}) {
      const { chunks, result } = measured(body, { signal, sha256 })
      const source = watched(unless === 'exists' ? untilThere(chunks, key) : chunks)
      const Body = Readable.from(source.chunks, { objectMode: false })
      const condition = unless === 'exists' && { IfNoneMatch: '*' }
      const params = { ...at(key), Body, ContentType: 'application/octet-stream', ...condition }
      const upload = new Upload({ client, params, partSize: PART_BYTES, queueSize: PARTS_IN_FLIGHT })
      const stop = () => void upload.abort().catch(() => {})
      signal?.addEventListener('abort', stop, { once: true })
      try {
        await upload.done()
        return result()
      } catch (error) {
        Body.destroy()
        if (signal?.aborted) throw signal.reason
        if (condition && isRefused(error)) throw objectExists(key)
        throw source.failed() ? error : failing(error)
      } finally {
        signal?.removeEventListener('abort', stop)
      }
    },
    get,
    stat,
    async *list(wanted) {
      checkPrefix(wanted)
      try {
        yield* listBucket(client, { Bucket, prefix, wanted })
      } catch (error) {
        throw failing(error)
      }
    },
    async delete(keys) {
      const waiting = keys.map(at)
      const worker = async () => {
        for (let place = waiting.pop(); place; place = waiting.pop()) {
          await client.send(new DeleteObjectCommand(place)).catch((error: unknown) => {
            if (!isMissing(error)) throw failing(error)
          })
        }
      }
      await Promise.all(Array.from({ length: Math.min(DELETES_IN_FLIGHT, keys.length) }, worker))
    },
    async localFile(key, use, { signal } = {}) {
      const content = await get(key)
      const directory = await mkdtemp(join(options.tempDir ?? tmpdir(), 'modelyard-object-'))
      try {
        const path = join(directory, basename(key))
        await pipeline(content, createWriteStream(path), { signal }).catch((error: unknown) => {
          throw signal?.aborted ? signal.reason : error
        })
        return await use(path)
      } finally {
        content.destroy()
        await rm(directory, { recursive: true, force: true })
      }
    },
    async ping() {
      await client.send(new HeadBucketCommand({ Bucket })).catch((error: unknown) => {
        throw failing(error)
      })
    },
    async close() {
      client.destroy()
    },
  }
}

function createClient({ region, endpoint, credentials }: S3Options): S3Client {
  return new S3Client({
    region,
    ...(credentials && { credentials }),
    // Servers that are not AWS know neither buckets as host names nor the newer checksum trailers.
    ...(endpoint !== undefined && {
      endpoint,
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    }),
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 3_000, socketTimeout: 30_000, httpAgent: SOCKETS, httpsAgent: SOCKETS },
  })
}

async function* listBucket(
  client: S3Client,
  { Bucket, prefix, wanted }: { readonly Bucket: string; readonly prefix: string; readonly wanted: string },
): AsyncIterable<ObjectEntry> {
  let token: string | undefined
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket, Prefix: prefix + wanted, ...(token && { ContinuationToken: token }) }),
    )
    for (const { Key = '', Size = 0, ETag } of page.Contents ?? []) {
      yield { key: Key.slice(prefix.length), size: Size, etag: ETag }
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined
  } while (token)
}

async function* translated(body: Readable, failing: (error: unknown) => unknown): AsyncIterable<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    throw failing(error)
  }
}

/** Remembers whether it was the source that failed, because the uploader throws its errors as if they were its own. */
function watched(chunks: AsyncIterable<Uint8Array>) {
  let failed = false
  async function* pass(): AsyncIterable<Uint8Array> {
    try {
      yield* chunks
    } catch (error) {
      failed = true
      throw error
    }
  }
  return { chunks: pass(), failed: () => failed }
}
