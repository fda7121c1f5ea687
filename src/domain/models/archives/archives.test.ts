import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TarEntry, tar, tarGzOf, zip, zipOf } from '../../../../test/mlflow.ts'
import { unpackArchive } from './index.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-archive-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function unpack(archive: Uint8Array) {
  const place = await mkdtemp(join(folder, 'x-'))
  const path = `${place}.upload`
  await writeFile(path, archive)
  const files = await unpackArchive(path, place)
  return (
    files && {
      files: Object.fromEntries(
        await Promise.all([...files].map(async ([name, at]) => [name, await readFile(at)] as const)),
      ),
      place,
    }
  )
}

const contents = async (archive: Uint8Array) => {
  const { files = {} } = (await unpack(archive)) ?? {}
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, bytes.toString('latin1')]))
}

describe('an archive', () => {
  const name = fc.stringMatching(/^[a-zé][a-z0-9_.é]{0,20}(\/[a-z][a-z0-9_]{0,20}){0,3}$/)
  const files = fc.dictionary(
    name,
    fc.string({ maxLength: 3000 }).map((text) => text.replace(/[^\0-\xff]/g, '?')),
    { minKeys: 1, maxKeys: 6 },
  )

  it('gives back the files that were packed into it', async () => {
    await fc.assert(
      fc.asyncProperty(files, fc.constantFrom(zipOf, tarGzOf), async (given, pack) => {
        const bytes = Object.fromEntries(Object.entries(given).map(([key, text]) => [key, Buffer.from(text, 'latin1')]))
        expect(await contents(pack(bytes))).toEqual(given)
      }),
      { numRuns: 30 },
    )
  })

  it('is a zip (stored or deflated), a tar, or a gzipped tar, with folders, long names and a comment', async () => {
    const long = `${'deep/'.repeat(40)}file`
    const pax = (records: string) => ({ name: 'PaxHeaders', type: 'x', content: records })
    const record = ` path=${long}\n`
    const expected = { 'a/b': 'one', [long]: 'two' }
    const entries: TarEntry[] = [
      { name: './a/', type: '5' },
      { name: 'a/b', content: 'one' },
    ]
    expect(
      await contents(tar([...entries, pax(`${record.length + 3}${record}`), { name: 'cut', content: 'two' }])),
    ).toEqual(expected)
    const gnu = [
      { name: '././@LongLink', type: 'L', content: `${long}\0` },
      { name: 'cut', content: 'two' },
    ]
    expect(await contents(gzipSync(tar([...entries, ...gnu])))).toEqual(expected)
    const zipped = zip([
      { name: 'a/', mode: 0o040755, method: 0 },
      { name: 'a/b', content: 'one', method: 0 },
      { name: long, content: 'two' },
    ])
    const comment = Buffer.concat([zipped, Buffer.from('hello')])
    comment.writeUInt16LE(5, zipped.length - 2)
    for (const one of [zipped, comment]) expect(await contents(one)).toEqual(expected)
  })

  it('is nothing else', async () => {
    for (const other of [Buffer.alloc(0), Buffer.from('PK'), Buffer.from('a model'), Buffer.alloc(600)]) {
      expect(await unpack(other)).toBeUndefined()
    }
  })

  const honest = zipOf({ MLmodel: 'x'.repeat(1000) })
  const packed = tarGzOf({ MLmodel: 'x'.repeat(1000) })
  const sparse = ' GNU.sparse.major=1\n'
  it.each<[string, Uint8Array, string, string]>([
    ['a name that climbs out', zip([{ name: '../evil' }]), 'ARCHIVE_UNSAFE', 'leads out'],
    ['a climb in the middle', zip([{ name: 'a/../../evil' }]), 'ARCHIVE_UNSAFE', 'leads out'],
    ['an absolute name', zip([{ name: '/etc/passwd' }]), 'ARCHIVE_UNSAFE', 'leads out'],
    ['a name of Windows', zip([{ name: 'C:evil' }]), 'ARCHIVE_UNSAFE', 'leads out'],
    ['a name with backslashes', zip([{ name: '..\\evil' }]), 'ARCHIVE_UNSAFE', 'leads out'],
    ['a name with NUL', zip([{ name: 'a\0b' }]), 'ARCHIVE_UNSAFE', 'leads out'],
    ['a link in a zip', zip([{ name: 'a', content: '/etc/passwd', mode: 0o120777 }]), 'ARCHIVE_UNSAFE', 'a link'],
    ['a device in a zip', zip([{ name: 'a', mode: 0o020666 }]), 'ARCHIVE_UNSAFE', 'no file'],
    ['an encrypted zip', zip([{ name: 'a', flags: 1 }]), 'ARCHIVE_UNSAFE', 'encrypted'],
    ['another compression', zip([{ name: 'a', method: 14 }]), 'ARCHIVE_UNSAFE', 'neither stored nor deflated'],
    ['a name twice', zip([{ name: 'a' }, { name: './a' }]), 'ARCHIVE_UNSAFE', 'twice'],
    [
      'files that overlap',
      zip([
        { name: 'a', content: 'x' },
        { name: 'a', content: 'x', offset: 0 },
      ]),
      'ARCHIVE_UNSAFE',
      'overlap',
    ],
    ['a size that is a lie', zip([{ name: 'a', content: 'x'.repeat(99), size: 5 }]), 'ARCHIVE_MALFORMED', 'damaged'],
    ['a wrong checksum', zip([{ name: 'a', content: 'x', crc: 1 }]), 'ARCHIVE_MALFORMED', 'damaged'],
    ['an offset that is a lie', zip([{ name: 'a', offset: 3 }]), 'ARCHIVE_MALFORMED', 'not where'],
    ['ZIP64', zip([{ name: 'a', size: 0xffffffff }]), 'ARCHIVE_UNSAFE', 'ZIP64'],
    [
      'a bomb in a zip',
      zip([{ name: 'a', content: Buffer.alloc(80 * 2 ** 20) }]),
      'MODEL_TOO_LARGE',
      'a hundred times',
    ],
    [
      'a bomb in a tar',
      gzipSync(tar([{ name: 'a', content: Buffer.alloc(80 * 2 ** 20) }])),
      'MODEL_TOO_LARGE',
      'a hundred times',
    ],
    [
      'a bomb in a folder of a tar, which has no content',
      gzipSync(tar([{ name: 'a/', type: '5', content: Buffer.alloc(80 * 2 ** 20) }])),
      'MODEL_TOO_LARGE',
      'a hundred times',
    ],
    [
      'a bomb of long names that nothing follows',
      gzipSync(tar(Array.from({ length: 70 }, () => ({ name: 'L', type: 'L', content: Buffer.alloc(2 ** 20, 97) })))),
      'MODEL_TOO_LARGE',
      'a hundred times',
    ],
    [
      'too many files',
      gzipSync(tar(Array.from({ length: 10_001 }, (_, i) => ({ name: `f${i}` })))),
      'ARCHIVE_UNSAFE',
      'more than 10000',
    ],
    ['half a zip', honest.subarray(0, honest.length - 30), 'ARCHIVE_MALFORMED', 'end is missing'],
    ['half a tar', packed.subarray(0, packed.length - 20), 'ARCHIVE_MALFORMED', 'compression'],
    [
      'a tar that ends inside a file',
      tar([{ name: 'a', content: 'x', size: 9000 }]),
      'ARCHIVE_MALFORMED',
      'ends inside',
    ],
    ['a tar that climbs out', tar([{ name: 'a/../../b' }]), 'ARCHIVE_UNSAFE', 'leads out'],
    ['a link in a tar', tar([{ name: 'a', type: '2', link: '/etc/passwd' }]), 'ARCHIVE_UNSAFE', 'a link'],
    ['a hard link', tar([{ name: 'a', type: '1', link: 'b' }]), 'ARCHIVE_UNSAFE', 'a link'],
    ['a device', tar([{ name: 'a', type: '3' }]), 'ARCHIVE_UNSAFE', 'something other'],
    [
      'a sparse file',
      tar([{ name: 'p', type: 'x', content: `${sparse.length + 2}${sparse}` }, { name: 'a' }]),
      'ARCHIVE_UNSAFE',
      'sparse',
    ],
    ['broken long names', tar([{ name: 'p', type: 'x', content: '99 path=x\n' }]), 'ARCHIVE_MALFORMED', 'long names'],
  ])('is refused for %s, and nothing lies outside its folder', async (_, archive, code, message) => {
    await expect(unpack(archive)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
    for (const name of (await readdir(folder, { recursive: true })).filter((one) => !one.endsWith('.upload'))) {
      expect(name).toMatch(/^x-[^/]+(\/\d+)?$/)
    }
  })

  it('that is damaged anywhere is read, or refused in words', async () => {
    const archives = [honest, packed, tar([{ name: 'MLmodel', content: 'y'.repeat(600) }])]
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...archives), fc.nat(), fc.nat(255), async (archive, at, byte) => {
        const damaged = Buffer.from(archive)
        damaged[at % damaged.length] = byte
        await unpack(damaged).catch((error) => expect(error.code).toMatch(/^(ARCHIVE_|MODEL_TOO_LARGE)/))
      }),
      { numRuns: 80 },
    )
  })
})
