// The documentation is held to what it shows: marked blocks run against a real service, TypeScript type-checks, links lead
// somewhere. CONTRIBUTING.md explains the markers. Each rule is proven on a planted fault.
import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { blocksOf } from './docs/blocks.ts'
import { difference } from './docs/compare.ts'
import { deadLinks } from './docs/links.ts'
import { type Document, hasRuns, runDocument, typeErrors } from './docs/run.ts'
import { openWorkplace, startService } from './docs/workplace.ts'

const guides = (await readdir('docs/guides'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/guides/${name}`)
const reference = (await readdir('docs/reference')).map((name) => `docs/reference/${name}`)
const names = ['README.md', 'docs/start.md', ...guides]
const documents = await Promise.all(names.map((name) => read(name)))
const linked = [
  'CONTRIBUTING.md',
  'deploy/README.md',
  'docs/glossary.md',
  'docs/architecture.md',
  ...names,
  ...reference,
]

async function read(name: string): Promise<Document> {
  return { name, blocks: blocksOf(await readFile(name, 'utf8'), name) }
}

function planted(markdown: string): Document {
  return { name: 'planted.md', blocks: blocksOf(markdown, 'planted.md') }
}

describe('the documents', () => {
  it.each(documents.filter(hasRuns))('run as they are shown: $name', { timeout: 300_000 }, async (document) => {
    await using place = await openWorkplace()
    await using service = await startService(place)
    await runDocument(document, place, service.url)
  })

  it('type-check in all their TypeScript, which a planted fault does not', { timeout: 120_000 }, async () => {
    await using place = await openWorkplace()
    const fault = planted("```ts\nimport { createMlService } from 'modelyard'\ncreateMlService({ port: 1 })\n```\n")
    const found = await typeErrors([...documents, fault], place)
    expect(found.filter((line) => !line.startsWith('planted-md-line-1.ts'))).toEqual([])
    expect(found.join()).toContain("'port' does not exist")
  })

  it.each(linked)('have no link that leads nowhere: %s', async (name) => {
    expect(await deadLinks(await readFile(name, 'utf8'), name)).toEqual([])
  })
})

describe('a planted fault is found', () => {
  it('when a command fails, with its line', async () => {
    await using place = await openWorkplace()
    const document = planted('# Title\n\n<!-- run -->\n```sh\necho fine\nfalse\n```\n')
    await expect(runDocument(document, place, '')).rejects.toThrow('planted.md:4: the block ended with 1')
  })

  it('when the output is another one', async () => {
    await using place = await openWorkplace()
    const document = planted('<!-- run -->\n```sh\necho two\n```\n<!-- output -->\n```text\none\n```\n')
    await expect(runDocument(document, place, '')).rejects.toThrow(
      'planted.md:6: the block at line 2 answers something else',
    )
  })

  it('when a program throws', async () => {
    await using place = await openWorkplace()
    const document = planted("<!-- run -->\n```ts\nthrow new Error('planted')\n```\n")
    await expect(runDocument(document, place, '')).rejects.toThrow('planted.md:2: the block ended with 1')
  })

  it('when a link leads nowhere', async () => {
    const text = '[a](docs/absent.md) [b](README.md#absent) [c](README.md) [d](https://example.org)'
    expect(await deadLinks(text, 'planted.md')).toEqual(['docs/absent.md', 'README.md#absent'])
  })

  it('when a marker stands alone', () => {
    expect(() => blocksOf('<!-- run -->\n\ntext\n', 'planted.md')).toThrow('planted.md:2: a block must follow')
  })
})

describe('shown output', () => {
  it('may differ in ids, times and fractions', () => {
    const shown = 'job_01jd3a4x5y6z7a8b9c0d1e2f3g took 1.25 s at 2026-01-01T00:00:00.000Z'
    const given = 'job_01m7y04cy1f88ce04pm1r8kk15 took 17.5 s at 2026-11-21T02:49:19.627Z'
    expect(difference(shown, given)).toBeUndefined()
  })

  it('may leave something out with an ellipsis', () => {
    expect(difference('first\n…\nlast', 'first\nsecond\nthird\nlast')).toBeUndefined()
    expect(difference('…\nfirst\n…\nlast', 'first\nlast')).toBeUndefined()
    expect(difference('name …\nlast', 'name is long\nlast')).toBeUndefined()
    expect(difference('first\n…\nlast', 'first\nsecond')).toBeDefined()
    expect(difference('name …\nlast', 'name\nmore\nlast')).toBeDefined()
  })

  it('may not differ in words, versions or whole numbers', () => {
    expect(difference('Version 1.0.0 is live', 'Version 1.1.0 is live')).toBeDefined()
    expect(difference('900 rows', '901 rows')).toBeDefined()
  })

  it('is compared by value where it is JSON', () => {
    expect(difference('{\n  "a": 1,\n  "b": 0.5\n}', '{"b":0.75,"a":1}')).toBeUndefined()
    expect(difference('{"a": "…", "…": "…"}', '{"a":{"c":1},"b":2}')).toBeUndefined()
    expect(difference('{"a": 1}', '{"a":1,"b":2}')).toBe('$: got b as well')
    expect(difference('{"a": {"b": "x"}}', '{"a":{"b":"y"}}')).toBe('$.a.b: expected "x", got "y"')
  })
})
