// Both back ends of the objects port, each with a fresh place of its own.
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { ObjectEntry, Objects } from '../../src/ports/objects/index.ts'
import { type ObjectsOptions, openObjects } from '../../src/ports/objects/open.ts'
import { servers } from '../servers/servers.ts'

const { s3 } = await servers('s3')

export interface ObjectsBackend {
  readonly name: string
  readonly missing: boolean
  open(): Promise<AsyncDisposable & { readonly objects: Objects; readonly options: ObjectsOptions }>
}

export const backends: readonly ObjectsBackend[] = [
  {
    name: 'folder',
    missing: false,
    async open() {
      const path = await mkdtemp(join(tmpdir(), 'modelyard-test-objects-'))
      const options = { storage: 'local', path } as const
      const objects = await openObjects(options)
      return {
        objects,
        options,
        async [Symbol.asyncDispose]() {
          await objects.close()
          await rm(path, { recursive: true, force: true })
        },
      }
    },
  },
  {
    name: 's3',
    missing: !s3,
    async open() {
      const options = s3Options()
      const objects = await openObjects(options)
      return { objects, options, [Symbol.asyncDispose]: () => objects.close() }
    },
  },
]

export function s3Options() {
  const { bucket, region, endpoint, accessKeyId, secretAccessKey } = s3!
  const credentials = { accessKeyId, secretAccessKey }
  return { storage: 's3', bucket, region, endpoint, credentials, prefix: `${randomUUID()}/` } as const
}

export async function read(stream: Readable): Promise<string> {
  return (await buffer(stream)).toString()
}

export async function entriesOf(objects: Objects, prefix: string): Promise<ObjectEntry[]> {
  const entries: ObjectEntry[] = []
  for await (const entry of objects.list(prefix)) entries.push(entry)
  return entries
}

export async function keysOf(objects: Objects, prefix: string): Promise<string[]> {
  return (await entriesOf(objects, prefix)).map(({ key }) => key)
}

export async function* piecesOf(...pieces: readonly (string | Error | Promise<unknown>)[]): AsyncIterable<Uint8Array> {
  for (const piece of pieces) {
    if (piece instanceof Error) throw piece
    if (typeof piece === 'string') yield Buffer.from(piece)
    else await piece
  }
}
