// Multipart requests: fields and one file, in any order. Every way a form can be wrong (no file, two files, a broken or
// cut-off body, a field given twice) is a clear 4xx that names the field.
import type { FastifyRequest } from 'fastify'
import type { Operation, Upload } from '../contract/operation.ts'
import { fail, invalid, MlError } from '../core/failure.ts'
import { unsupportedType } from './body.ts'
import { type Fields, fromForm } from './input.ts'
import { type Spooled, spool } from './spool.ts'
import { tooLarge } from './too-large.ts'

export interface FormLimits {
  readonly maxFieldBytes: number
  readonly maxUploadBytes: number
  /** Folder for files while they arrive. */
  readonly tempDir: string
}

export interface Form {
  readonly fields: Fields
  readonly upload: Upload | undefined
  /** To be called once the operation has ended, whatever its end. */
  discard(): Promise<void>
}

const FILE_FIELD = 'file'
const MAX_PARTS = 200
/** Room for boundaries, headers and small fields when a Content-Length is held against the file limit. */
const OVERHEAD_BYTES = 1024 * 1024

interface Collected {
  readonly form: Map<string, string>
  /** Of the fields, which are held in memory together. */
  fieldBytes: number
  file?: { readonly filename: string; readonly spooled: Spooled }
}

export async function readForm(request: FastifyRequest, operation: Operation, limits: FormLimits): Promise<Form> {
  if (request.headers['content-encoding'] !== undefined) {
    throw unsupportedType('Send a multipart body without Content-Encoding; the file itself may be gzip')
  }
  const room = limits.maxUploadBytes + limits.maxFieldBytes + OVERHEAD_BYTES
  if (Number(request.headers['content-length']) > room) throw tooLarge('upload', limits.maxUploadBytes)
  const collected: Collected = { form: new Map(), fieldBytes: 0 }
  try {
    await collect(request, collected, limits)
    const { file, form } = collected
    const fields = fromForm(operation, form)
    if (!file && operation.body === 'file') throw missingFile()
    return {
      fields,
      upload: file && {
        filename: file.filename,
        stream: file.spooled.read(),
        sha256: file.spooled.sha256,
        ...(file.spooled.path !== undefined && { path: file.spooled.path }),
      },
      discard: async () => file?.spooled.discard(),
    }
  } catch (error) {
    await collected.file?.spooled.discard()
    throw error
  }
}

function missingFile(): MlError {
  return invalid('request', [{ field: FILE_FIELD, message: 'is required: send the file as multipart/form-data' }])
}

async function collect(request: FastifyRequest, into: Collected, limits: FormLimits): Promise<void> {
  const parts = request.parts({
    limits: { fileSize: limits.maxUploadBytes, fieldSize: limits.maxFieldBytes, parts: MAX_PARTS, fieldNameSize: 256 },
  })
  try {
    for await (const part of parts) {
      if (part.type === 'file') await takeFile(part, into, limits)
      else takeField(part, into, limits)
    }
  } catch (error) {
    throw asFormFailure(error)
  }
}

type Part = FastifyRequest extends { parts(): AsyncIterable<infer P> } ? P : never
type FilePart = Extract<Part, { type: 'file' }>
type FieldPart = Extract<Part, { type: 'field' }>

async function takeFile(part: FilePart, into: Collected, limits: FormLimits): Promise<void> {
  const refuse = (message: string) => {
    part.file.resume()
    return invalid('request', [{ field: part.fieldname, message, value: part.filename }])
  }
  if (part.fieldname !== FILE_FIELD) throw refuse(`is not a file; the file goes in the field "${FILE_FIELD}"`)
  if (into.file) throw refuse('is given twice; one request takes one file')
  if (!part.filename) throw refuse('must be a file with a name')
  const spooled = await spool(part.file, limits.tempDir)
  into.file = { filename: part.filename, spooled }
  if (part.file.truncated) throw tooLarge('file', limits.maxUploadBytes)
}

function takeField(part: FieldPart, into: Collected, limits: FormLimits): void {
  const name = part.fieldname
  if (part.valueTruncated) throw tooLarge(`field "${name}"`, limits.maxFieldBytes)
  if (name === FILE_FIELD) {
    throw invalid('request', [{ field: name, message: 'must be a file, not text (curl: -F file=@path)' }])
  }
  if (into.form.has(name)) throw invalid('request', [{ field: name, message: 'is given twice' }])
  // A part that calls itself JSON was already parsed by the reader.
  const text = typeof part.value === 'string' ? part.value : JSON.stringify(part.value)
  into.fieldBytes += Buffer.byteLength(text)
  if (into.fieldBytes > limits.maxFieldBytes) throw tooLarge('form without its file', limits.maxFieldBytes)
  into.form.set(name, text)
}

/** What the multipart reader throws are plain errors about the text of the body. */
function asFormFailure(error: unknown): unknown {
  if (error instanceof MlError || !(error instanceof Error)) return error
  const { code, statusCode, errno } = error as Error & { code?: string; statusCode?: number; errno?: number }
  if (errno !== undefined && code !== 'ECONNRESET') return error
  if (statusCode === 413) return fail('too_large', 'TOO_LARGE', `Too many parts in the form: ${error.message}`)
  return fail('malformed', 'MALFORMED_MULTIPART', `The multipart body cannot be read: ${error.message}`, {
    cause: error,
  })
}
