// Chooses where objects live. The AWS library is loaded only when S3 is wanted: it costs more memory than all the rest.
import { openFolder } from './folder.ts'
import type { Objects } from './index.ts'

export interface FolderOptions {
  readonly storage: 'local'
  readonly path: string
  /** `read`: the folder must be there, nothing is made in it, and it may be read-only. Default `write`. */
  readonly use?: 'read' | 'write'
}

export interface S3Options {
  readonly storage: 's3'
  /** Must exist: whoever owns the account decides how it is encrypted, kept and paid for. */
  readonly bucket: string
  readonly region: string
  /** Of a server that speaks S3 but is not AWS; addressed by path. */
  readonly endpoint?: string
  /** Put before every key; should end with `/`. */
  readonly prefix?: string
  /** Default: AWS's own chain (environment, profile, web identity, instance role). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** For downloads by `localFile`; default: the system's. */
  readonly tempDir?: string
}

export type ObjectsOptions = FolderOptions | S3Options

/** Opens without contacting S3: `ping` says whether it answers. */
export async function openObjects(options: ObjectsOptions): Promise<Objects> {
  if (options.storage === 'local') return openFolder(options.path, options.use)
  const { openS3 } = await import('./s3.ts')
  return openS3(options)
}
