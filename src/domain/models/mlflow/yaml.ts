// As much of YAML as PyYAML writes in block style: mappings, lists, plain, quoted and block scalars that go over several lines,
// flow collections. Surprising: scalars stay text ("true", "1.20"), because a version number is no number; anchors and tags are refused.
import { invalidYaml, readFlow, readQuoted, type YamlLines } from './yaml-inline.ts'

export type Yaml = string | readonly Yaml[] | ReadonlyMap<string, Yaml>

const MAX_DEPTH = 32
const KEY_START = /^(?:[^\s'"#&*!|>%@`[\]{},?:-]|[?:-](?=\S))/

/** @throws `malformed` MLFLOW_MALFORMED with the line. */
export function parseYaml(text: string): Yaml {
  const source: YamlLines = { lines: text.replace(/^\ufeff|\r?\n$/g, '').split(/\r?\n/), at: 0 }
  if (source.lines[0] !== undefined && /^---\s*$/.test(source.lines[0])) source.at = 1
  const value = peek(source) === undefined ? '' : readNode(source, 0, 0)
  const rest = peek(source)
  if (rest !== undefined) throw invalidYaml(source, 'stands outside of what came before')
  return value
}

interface Line {
  readonly indent: number
  readonly text: string
}

/** The next line with something on it; comments and empty lines are stepped over. */
function peek(source: YamlLines): Line | undefined {
  for (; source.at < source.lines.length; source.at++) {
    const line = source.lines[source.at]!
    if (/^\.\.\.\s*$/.test(line)) return undefined
    const text = line.trim()
    if (text === '' || text.startsWith('#')) continue
    const indent = line.search(/\S/)
    if (line.slice(0, indent).includes('\t')) throw invalidYaml(source, 'is indented with a tab')
    return { indent, text: line.slice(indent).trimEnd() }
  }
  return undefined
}

function readNode(source: YamlLines, indent: number, depth: number): Yaml {
  if (depth > MAX_DEPTH) throw invalidYaml(source, `is nested more than ${MAX_DEPTH} deep`)
  const line = peek(source)
  if (!line || line.indent < indent) return ''
  if (isItem(line.text)) return readList(source, line.indent, depth)
  if (keyOf(source, line) !== undefined) return readMapping(source, line.indent, depth)
  return readScalar(source, line.indent, { parent: indent - 1, depth })
}

const isItem = (text: string) => text === '-' || text.startsWith('- ')

function readList(source: YamlLines, indent: number, depth: number): Yaml[] {
  const items: Yaml[] = []
  for (let line = peek(source); line?.indent === indent && isItem(line.text); line = peek(source)) {
    const content = line.text.slice(1).trimStart()
    if (content === '') {
      source.at++
      items.push(readNode(source, indent + 1, depth + 1))
    } else {
      // The content of an item stands where its text begins, as if the dash were a blank.
      source.lines[source.at] = ' '.repeat(indent + line.text.length - content.length) + content
      items.push(readNode(source, indent + 1, depth + 1))
    }
  }
  return items
}

function readMapping(source: YamlLines, indent: number, depth: number): Yaml {
  const entries = new Map<string, Yaml>()
  for (let line = peek(source); line?.indent === indent; line = peek(source)) {
    const key = keyOf(source, line)
    if (!key) throw invalidYaml(source, 'is neither a key nor part of the value before')
    const rest = line.text.slice(key.length)
    const value = rest.trimStart()
    const start = indent + key.length + rest.length - value.length
    entries.set(
      key.name,
      value === '' || value.startsWith('#') ? below() : readScalar(source, start, { parent: indent, depth }),
    )

    function below(): Yaml {
      source.at++
      const next = peek(source)
      // A list may stand at the indentation of its key.
      if (next && isItem(next.text) && next.indent === indent) return readList(source, indent, depth + 1)
      return readNode(source, indent + 1, depth + 1)
    }
  }
  return entries
}

/** The key that a line begins with, and how much of it the colon ends. */
function keyOf(source: YamlLines, { text, indent }: Line): { name: string; length: number } | undefined {
  if (text.startsWith('"') || text.startsWith("'")) {
    const probe = { lines: source.lines, at: source.at }
    const found = readQuoted(probe, indent)
    const after = /^\s*:(?=\s|$)/.exec(source.lines[probe.at]!.slice(found.end))
    if (probe.at !== source.at || !after) return undefined
    return { name: found.text, length: found.end - indent + after[0].length }
  }
  const end = text.search(/:(?:\s|$)/)
  const name = text.slice(0, end).trimEnd()
  if (end < 1 || !KEY_START.test(name) || /\s#/.test(name)) return undefined
  return { name, length: end + 1 }
}

interface Around {
  /** Indentation that a following line must exceed to belong to this value. */
  readonly parent: number
  readonly depth: number
}

/** A value that begins in this line at `start`; afterwards the source stands behind it. */
function readScalar(source: YamlLines, start: number, { parent, depth }: Around): Yaml {
  const line = source.lines[source.at]!
  const first = line[start]!
  if (first === '"' || first === "'") return closed(source, readQuoted(source, start), ({ text }) => text)
  if (first === '[' || first === '{') {
    return closed(source, readFlow(source, start, MAX_DEPTH - depth), ({ value }) => value)
  }
  if (first === '|' || first === '>') return readBlock(source, line.slice(start), parent)
  if (/[&*!%@`]/.test(first)) throw invalidYaml(source, `uses "${first}", which MLflow does not write`)
  return readPlain(source, line.slice(start), parent)
}

/** Nothing but a comment may follow in the line. */
function closed<T extends { readonly end: number }>(source: YamlLines, found: T, value: (found: T) => Yaml): Yaml {
  const rest = source.lines[source.at]!.slice(found.end)
  if (!/^\s*(?:\s#.*)?$/.test(rest)) throw invalidYaml(source, 'goes on after its value')
  source.at++
  return value(found)
}

function readPlain(source: YamlLines, first: string, parent: number): string {
  let text = withoutComment(first)
  let open = text === first.trimEnd()
  source.at++
  for (let blank = 0; open && source.at < source.lines.length; source.at++) {
    const line = source.lines[source.at]!
    if (line.trim() === '') {
      blank++
      continue
    }
    if (line.search(/\S/) <= parent || /^\s*#/.test(line) || /^(?:---|\.\.\.)/.test(line)) break
    if (/:(?:\s|$)/.test(withoutComment(line))) throw invalidYaml(source, 'has a key where a value goes on')
    const part = withoutComment(line.trim())
    text += blank > 0 ? '\n'.repeat(blank) + part : ` ${part}`
    blank = 0
    open = part === line.trim()
  }
  return text
}

function withoutComment(text: string): string {
  return text.replace(/(?:^|\s)#.*$/, '').trimEnd()
}

/** `|` keeps the lines, `>` folds them; `-` and `+` say what becomes of the line breaks at the end. */
function readBlock(source: YamlLines, header: string, parent: number): string {
  const match = /^([|>])(?:([1-9])?([+-])?|([+-])([1-9]))\s*(?:\s#.*)?$/.exec(header)
  if (!match) throw invalidYaml(source, 'begins a block that is not understood')
  const [, style, digit = match[5], chomp = match[4]] = match
  source.at++
  const lines: string[] = []
  let indent = digit === undefined ? undefined : Math.max(parent, 0) + Number(digit)
  for (; source.at < source.lines.length; source.at++) {
    const line = source.lines[source.at]!
    const found = line.search(/\S/)
    if (found >= 0) {
      indent ??= found > parent ? found : undefined
      if (indent === undefined || found < indent) break
    }
    lines.push(found < 0 && line.length <= (indent ?? line.length) ? '' : line.slice(indent))
  }
  let end = lines.length
  while (end > 0 && lines[end - 1] === '') end--
  const body = lines.slice(0, end)
  const text = style === '|' ? body.join('\n') : folded(body)
  if (chomp === '-') return text
  if (chomp === '+') return text + '\n'.repeat(lines.length - end + (end > 0 ? 1 : 0))
  return end > 0 ? `${text}\n` : text
}

/** One break becomes a blank; lines that are indented further keep theirs. */
function folded(lines: readonly string[]): string {
  let text = ''
  let breaks = 0
  let plainBefore = false
  for (const [i, line] of lines.entries()) {
    if (line === '') {
      breaks++
      continue
    }
    const plain = !/^\s/.test(line)
    if (text !== '' || breaks > 0 || i > 0) {
      if (plain && plainBefore) text += breaks === 0 ? ' ' : '\n'.repeat(breaks)
      else text += '\n'.repeat(breaks + (i === breaks ? 0 : 1))
    }
    text += line
    breaks = 0
    plainBefore = plain
  }
  return text
}
