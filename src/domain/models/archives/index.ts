// Folders sent as one file: zip and tar, the latter also gzipped. Surprising: nothing is ever written under a name of the archive;
// files are numbered, and names are only looked up, so that no name can lead anywhere.
import { open } from 'node:fs/promises'
import { unpackTar } from './tar.ts'
import type { Unpacked } from './unpacker.ts'
import { unpackZip } from './zip.ts'

export type { Unpacked } from './unpacker.ts'

const HEAD_BYTES = 512
const USTAR_AT = 257

/**
 * The files of an archive, written into `folder`; undefined where the file is none.
 * @throws `malformed` ARCHIVE_MALFORMED, `invalid` ARCHIVE_UNSAFE, `too_large` MODEL_TOO_LARGE.
 */
export async function unpackArchive(path: string, folder: string): Promise<Unpacked | undefined> {
  const head = await headOf(path)
  const text = head.toString('latin1')
  // The second is a zip without any file.
  if (text.startsWith('PK\x03\x04') || text.startsWith('PK\x05\x06')) return unpackZip(path, folder)
  if (text.startsWith('\x1f\x8b')) return unpackTar(path, folder, 'gzip')
  if (text.startsWith('ustar', USTAR_AT)) return unpackTar(path, folder, 'plain')
  return undefined
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
