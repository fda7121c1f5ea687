// Multipart bodies. A Blob goes through FormData, which every `fetch` streams (in Node.js: `await openAsBlob(path)`);
// streams have no FormData, so theirs is written by hand and leaves as it is produced.
import type { FileFields, FileSource } from './types.ts'

type Fields = Readonly<Record<string, unknown>>

export interface FormBody {
  readonly body: RequestInit['body']
  readonly headers: Readonly<Record<string, string>>
  readonly once: boolean
}

export function formOf(fields: Fields, { file, filename }: FileFields): FormBody {
  const texts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const)
  const name = filename ?? nameOf(file) ?? 'upload'
  const blob = blobOf(file)
  if (blob) {
    const form = new FormData()
    for (const [field, text] of texts) form.append(field, text)
    form.append('file', blob, name)
    return { body: form, headers: {}, once: false }
  }
  const boundary = `modelyard-${crypto.randomUUID()}`
  const parts = byHand(texts, { name, bytes: file as AsyncIterable<Uint8Array>, boundary })
  return {
    body: streamOf(parts),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    once: true,
  }
}

function nameOf(file: FileSource): string | undefined {
  return file instanceof Blob && 'name' in file && typeof file.name === 'string' ? file.name : undefined
}

function blobOf(file: FileSource): Blob | undefined {
  if (file instanceof Blob) return file
  if (typeof file === 'string') return new Blob([file])
  return file instanceof Uint8Array ? new Blob([file as Uint8Array<ArrayBuffer>]) : undefined
}

interface FilePart {
  readonly name: string
  readonly bytes: AsyncIterable<Uint8Array>
  readonly boundary: string
}

async function* byHand(texts: readonly (readonly [string, string])[], { name, bytes, boundary }: FilePart) {
  const encoder = new TextEncoder()
  const head = (field: string, more = '') =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(field)}"${more}\r\n\r\n`
  for (const [field, text] of texts) yield encoder.encode(`${head(field)}${text}\r\n`)
  yield encoder.encode(head('file', `; filename="${quoted(name)}"`))
  yield* bytes
  yield encoder.encode(`\r\n--${boundary}--\r\n`)
}

/** As browsers write it. */
function quoted(text: string): string {
  return text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function streamOf(parts: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await parts.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      await parts.return(undefined)
    },
  })
}
