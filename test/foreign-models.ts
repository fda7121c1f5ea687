// Model files made by other tools, with the answers those tools gave. They lie beside the project.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const FOLDER = resolve(import.meta.dirname, '../../shared/data/onnx')

export interface CaseTensor {
  readonly dtype: string
  readonly shape?: readonly number[]
  /** For a list of dictionaries (ZipMap): one dictionary a row. */
  readonly data?: readonly unknown[]
  /** In place of data: i / count. */
  readonly generate?: string
}

export interface ForeignCase {
  readonly inputs: Readonly<Record<string, CaseTensor>>
  readonly expected: Readonly<Record<string, CaseTensor>>
  readonly atol: number
  readonly rtol: number
  readonly mode?: 'per-row'
  readonly expect?: 'load-error'
}

/** The names of the cases; without the folder none, and a line that says what is skipped. */
export function foreignModels(what: string): readonly string[] {
  if (existsSync(FOLDER)) return readdirSync(FOLDER).sort()
  process.stderr.write(`skipped: ${what} (no folder ${FOLDER})\n`)
  return []
}

export function foreignCase(name: string): ForeignCase {
  return JSON.parse(readFileSync(join(FOLDER, name, 'case.json'), 'utf8')) as ForeignCase
}

export function foreignFile(name: string): Buffer {
  return readFileSync(join(FOLDER, name, 'model.onnx'))
}
