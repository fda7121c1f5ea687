import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { copiedRecords, INTERACTIONS_FILE } from './records.ts'

it('pages whose words hold line ends of Unicode, or are longer than one reading, come back as they were', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'records-'))
  try {
    const pages = [
      [{ event: 'a\u2028b\u2029c\u0085' }],
      [{ event: '\u00fc'.repeat(1_000_000) }, { event: 'x' }],
      [{ event: 'y' }],
    ]
    const text = pages.map((page) => `${JSON.stringify(page)}\n`).join('')
    await writeFile(join(folder, INTERACTIONS_FILE), text)
    const read = []
    for await (const page of copiedRecords(folder).interactions()) read.push(page)
    expect(read).toEqual(pages)
  } finally {
    await rm(folder, { recursive: true })
  }
})
