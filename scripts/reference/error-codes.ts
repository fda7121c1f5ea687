// Every error code the sources can throw, found by reading the calls themselves. A code that is put together at run time
// cannot be found this way, so a call whose code is not written out is refused unless its file is listed below.
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { FAILURE_KINDS, type FailureKind } from '../../src/core/failure.ts'

export interface ErrorCode {
  readonly code: string
  readonly kinds: readonly FailureKind[]
  /** Relative to the root of the repository, with forward slashes. */
  readonly files: readonly string[]
}

/** These hand on a code that came from somewhere else: another process, the wire, or their caller. */
const PASSES_CODES_ON: readonly string[] = [
  'src/client/reply.ts',
  'src/core/failure.ts',
  'src/http/failures.ts',
  'src/jobs/wire.ts',
  'src/ports/db/errors.ts',
  'src/runtime/engine-failure.ts',
]

/** Callee → which argument is the code, and the kind where it is not an argument. */
const MAKERS: Readonly<Record<string, { readonly code: number; readonly kind?: FailureKind }>> = {
  fail: { code: 1 },
  unavailable: { code: 0, kind: 'unavailable' },
  invalid: { code: 2, kind: 'invalid' },
  notFound: { code: 0, kind: 'not_found' },
}

const CODE = /'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)'/g

export async function collectErrorCodes(root: string): Promise<ErrorCode[]> {
  const found = new Map<string, { kinds: Set<FailureKind>; files: Set<string> }>()
  for (const path of await sources(join(root, 'src'))) {
    const file = relative(root, path).replaceAll('\\', '/')
    for (const { code, kinds } of codesOf(await readFile(path, 'utf8'), file)) {
      const entry = found.get(code) ?? { kinds: new Set(), files: new Set() }
      for (const kind of kinds) entry.kinds.add(kind)
      entry.files.add(file)
      found.set(code, entry)
    }
  }
  return [...found]
    .map(([code, { kinds, files }]) => ({ code, kinds: [...kinds].sort(), files: [...files].sort() }))
    .sort((a, b) => (a.code < b.code ? -1 : 1))
}

/** The codes of one file. @throws Error naming a call whose code cannot be read. */
export function codesOf(source: string, file: string): { code: string; kinds: FailureKind[] }[] {
  // Without the import, a `fail` is somebody else's (the queue has one).
  if (file !== 'src/core/failure.ts' && !/from '[./\w-]*\/failure\.ts'/.test(source)) return []
  const text = withoutComments(source)
  const found: { code: string; kinds: FailureKind[] }[] = []
  for (const match of text.matchAll(/(?<![\w.$]|function )(fail|unavailable|invalid|notFound)\(/g)) {
    const name = match[1]!
    const maker = MAKERS[name]!
    const words = argumentsAt(text, match.index + match[0].length)
    const codes = codesIn(name, words[maker.code])
    // `unavailable` is a local helper of some files, and takes a code in only one of them.
    if (codes.length === 0 && name !== 'unavailable' && !PASSES_CODES_ON.includes(file)) {
      throw new Error(`${file}: the code of ${name}(${words.slice(0, 2).join(', ')}, …) is not written out`)
    }
    const kinds = maker.kind ? [maker.kind] : FAILURE_KINDS.filter((kind) => words[0]?.includes(`'${kind}'`))
    for (const code of codes) found.push({ code, kinds })
  }
  return found
}

function codesIn(name: string, word: string | undefined): string[] {
  if (name === 'notFound') {
    const noun = /^'([^']+)'$/.exec(word ?? '')?.[1]
    return noun === undefined ? [] : [`${noun.toUpperCase().replaceAll(' ', '_')}_NOT_FOUND`]
  }
  if (name === 'invalid' && word === undefined) return ['VALIDATION_ERROR']
  return [...(word ?? '').matchAll(CODE)].map((found) => found[1]!)
}

/** The arguments of a call as text, from just behind its opening parenthesis. */
function argumentsAt(text: string, start: number): string[] {
  const words: string[] = []
  let depth = 0
  let word = ''
  for (let i = start; i < text.length; i++) {
    const c = text[i]!
    if (c === "'" || c === '"' || c === '`') {
      const end = endOfString(text, i)
      word += text.slice(i, end + 1)
      i = end
      continue
    }
    if (depth === 0 && (c === ',' || c === ')')) {
      if (word.trim() !== '') words.push(word.trim())
      word = ''
      if (c === ')') break
      continue
    }
    if ('([{'.includes(c)) depth++
    if (')]}'.includes(c)) depth--
    word += c
  }
  return words
}

/** Index of the closing quote; a template counts as one string with everything in it. */
function endOfString(text: string, start: number): number {
  const quote = text[start]!
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === quote) return i
    else if (quote === '`' && text.startsWith('${', i)) i = endOfPlace(text, i + 2)
  }
  return text.length
}

function endOfPlace(text: string, start: number): number {
  let depth = 0
  for (let i = start; i < text.length; i++) {
    const c = text[i]!
    if (c === "'" || c === '"' || c === '`') i = endOfString(text, i)
    else if (c === '{') depth++
    else if (c === '}' && depth-- === 0) return i
  }
  return text.length
}

/** Whole-line comments only: a `//` further right may stand in a string. */
function withoutComments(source: string): string {
  return source.replaceAll(/^\s*(\/\/.*|\/?\*.*)$/gm, '')
}

async function sources(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}
