// Writes openapi.json; with --check only compares and exits 1 on drift, so that a changed contract shows in the review.
import { readFile, writeFile } from 'node:fs/promises'
import { openApiDocument } from '../src/http/openapi.ts'

const target = new URL('../openapi.json', import.meta.url)
const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}
const text = `${JSON.stringify(openApiDocument(version), null, 2)}\n`

if (process.argv.includes('--check')) {
  const committed = await readFile(target, 'utf8').catch(() => '')
  if (committed !== text) {
    console.error('openapi.json does not match the contract. Run: npm run openapi')
    process.exitCode = 1
  }
} else {
  await writeFile(target, text)
}
