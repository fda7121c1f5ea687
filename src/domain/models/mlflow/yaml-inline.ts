// The parts of YAML that may go over several lines wherever they stand: quoted text and flow collections.
import { fail } from '../../../core/failure.ts'
import type { Yaml } from './yaml.ts'

/** The lines of a document, and the one that is read next. */
export interface YamlLines {
  readonly lines: string[]
  at: number
}

export function invalidYaml({ at }: Pick<YamlLines, 'at'>, what: string) {
  return fail('malformed', 'MLFLOW_MALFORMED', `The file MLmodel cannot be read: line ${at + 1} ${what}`)
}

const ESCAPES: Readonly<Record<string, string>> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  t: '\t',
  '\t': '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  e: '\x1b',
  ' ': ' ',
  '"': '"',
  '/': '/',
  '\\': '\\',
  N: '\u0085',
  _: '\u00a0',
  L: '\u2028',
  P: '\u2029',
}
const HEX: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }

/** Text in quotes that begins at `start` of the line; `end` is behind the closing quote, in the line that is then current. */
export function readQuoted(source: YamlLines, start: number): { readonly text: string; readonly end: number } {
  const first = source.at
  const quote = source.lines[source.at]![start]!
  let text = ''
  /** Of the current line; what stands before `solid` is not blank space of its end. */
  let piece = ''
  let solid = 0
  let at = start + 1
  for (;;) {
    const line = source.lines[source.at]!
    const char = line[at]
    if (char === undefined) {
      text += piece.slice(0, Math.max(solid, piece.trimEnd().length)) + breakOf(source, first)
      piece = ''
      solid = 0
      at = source.lines[source.at]!.search(/\S/)
    } else if (char === quote) {
      if (quote === '"' || line[at + 1] !== "'") return { text: text + piece, end: at + 1 }
      piece += "'"
      at += 2
    } else if (char === '\\' && quote === '"') {
      if (at + 1 === line.length) {
        source.at++
        if (source.lines[source.at] === undefined) throw invalidYaml({ at: first }, 'has a quote that is never closed')
        at = Math.max(0, source.lines[source.at]!.search(/\S|$/))
      } else {
        const found = escapeAt(source, at + 1)
        piece += found.text
        at = found.end
      }
      solid = piece.length
    } else {
      piece += char
      at++
    }
  }
}

/** Steps to the next line that is not empty. One break is a blank, more are that many less one. */
function breakOf(source: YamlLines, first: number): string {
  let breaks = 0
  do {
    source.at++
    breaks++
    if (source.at >= source.lines.length) throw invalidYaml({ at: first }, 'has a quote that is never closed')
  } while (source.lines[source.at]!.trim() === '')
  return breaks === 1 ? ' ' : '\n'.repeat(breaks - 1)
}

function escapeAt(source: YamlLines, at: number): { text: string; end: number } {
  const line = source.lines[source.at]!
  const char = line[at]!
  const digits = HEX[char]
  if (digits === undefined) {
    const text = ESCAPES[char]
    if (text === undefined) throw invalidYaml(source, `has the unknown escape "\\${char}"`)
    return { text, end: at + 1 }
  }
  const code = line.slice(at + 1, at + 1 + digits)
  const value = /^[0-9a-fA-F]+$/.test(code) && code.length === digits ? Number.parseInt(code, 16) : Number.NaN
  if (!(value <= 0x10ffff)) throw invalidYaml(source, 'has a broken escape')
  return { text: String.fromCodePoint(value), end: at + 1 + digits }
}

interface Found {
  readonly value: Yaml
  readonly end: number
}

/** `[a, b]` or `{a: b}`, however nested. */
export function readFlow(source: YamlLines, start: number, depth: number): Found {
  if (depth <= 0) throw invalidYaml(source, 'is nested too deeply')
  const isList = source.lines[source.at]![start] === '['
  const close = isList ? ']' : '}'
  const items: Yaml[] = []
  const entries = new Map<string, Yaml>()
  let at = skip(source, start + 1)
  while (source.lines[source.at]![at] !== close) {
    const item = readFlowItem(source, at, depth)
    at = skip(source, item.end)
    if (isList) items.push(item.value)
    else {
      if (typeof item.value !== 'string') throw invalidYaml(source, 'has a key that is no text')
      let value: Yaml = ''
      if (source.lines[source.at]![at] === ':') {
        const found = readFlowItem(source, skip(source, at + 1), depth)
        value = found.value
        at = skip(source, found.end)
      }
      entries.set(item.value, value)
    }
    const next = source.lines[source.at]![at]
    if (next === ',') at = skip(source, at + 1)
    else if (next !== close) throw invalidYaml(source, `lacks a "," or "${close}"`)
  }
  return { value: isList ? items : entries, end: at + 1 }
}

function readFlowItem(source: YamlLines, at: number, depth: number): Found {
  const line = source.lines[source.at]!
  const first = line[at]!
  if (first === '[' || first === '{') return readFlow(source, at, depth - 1)
  if (first === '"' || first === "'") {
    const { text, end } = readQuoted(source, at)
    return { value: text, end }
  }
  if (/[&*!|>%@`]/.test(first)) throw invalidYaml(source, `uses "${first}", which MLflow does not write`)
  return readFlowPlain(source, at)
}

const FLOW_PLAIN = /^(?:[^,[\]{}:#]|:(?![\s,[\]{}]|$)|(?<=\S)#)*/

/** Bare text; it goes on in the next line where nothing ends it. */
function readFlowPlain(source: YamlLines, start: number): Found {
  let text = ''
  let at = start
  for (;;) {
    const line = source.lines[source.at]!
    const part = FLOW_PLAIN.exec(line.slice(at))![0]
    text = text === '' ? part.trim() : `${text} ${part.trim()}`
    const end = at + part.length
    const next = source.lines[source.at + 1]?.trim() ?? ''
    if (end < line.length || next === '' || /^[,[\]{}#]|^:(?:[\s,[\]{}]|$)/.test(next))
      return { value: text.trim(), end }
    source.at++
    at = source.lines[source.at]!.search(/\S/)
  }
}

/** The place of the next character that is not blank, in this line or a later one. */
function skip(source: YamlLines, start: number): number {
  let at = start
  for (;;) {
    const rest = source.lines[source.at]!.slice(at)
    const found = rest.search(/\S/)
    if (found >= 0 && !(rest[found] === '#' && (found > 0 || at === 0))) return at + found
    source.at++
    if (source.at >= source.lines.length) throw invalidYaml({ at: source.at - 1 }, 'ends inside a bracket')
    at = 0
  }
}
