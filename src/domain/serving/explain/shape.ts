// Explanations as a caller reads them.
import type { BackgroundOrigin, Explanation, ExplanationMethod } from '../../../contract/explanations.ts'
import type { Signature } from '../../../contract/models.ts'
import { type Link, spaceOf } from '../../../ml/explain/scores.ts'
import type { SampledShapley } from '../../../ml/explain/shapley.ts'
import type { ExplainedRow } from './protocol.ts'

type CellValue = Explanation['contributions'][number]['value']

export interface Cell {
  readonly column: string
  readonly value: CellValue
}

const MOST_CHARACTERS = 200

/** The columns of a row with the values given, missing ones as null. */
export function cellsOf({ inputs }: Signature, row: unknown): Cell[] {
  const values = Array.isArray(row)
    ? inputs.map((_, i) => row[i] as unknown)
    : inputs.map(({ name }) => (Object.hasOwn(row as object, name) ? (row as Record<string, unknown>)[name] : null))
  return inputs.map(({ name }, i) => ({ column: name, value: shown(values[i]) }))
}

export function shown(value: unknown): CellValue {
  if (value === undefined || value === null) return null
  if (typeof value === 'number' || typeof value === 'boolean') return value
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text
}

export interface ExactAbout {
  readonly method: ExplanationMethod
  readonly link: Link
  readonly output: string
  readonly background: BackgroundOrigin
  readonly classifier: boolean
}

export function exactExplanation(about: ExactAbout, row: ExplainedRow, cells: readonly Cell[]): Explanation {
  const { method, link, output, background, classifier } = about
  return {
    method,
    output,
    space: spaceOf(link, classifier),
    base_value: row.base,
    score: row.score,
    contributions: row.columns
      .map(({ column, contribution, features }) => ({
        ...cells[column]!,
        contribution,
        ...(features && { features: [...features] }),
      }))
      .sort(greatestFirst),
    background,
  }
}

export interface SampledAbout {
  readonly output: string
  readonly background: BackgroundOrigin
  readonly backgroundRows: number
}

export function sampledExplanation(about: SampledAbout, found: SampledShapley, cells: readonly Cell[]): Explanation {
  const { contributions, errors, base, score, evaluations, exact } = found
  return {
    method: 'sampled_shapley',
    output: about.output,
    space: about.output === 'prediction' ? 'value' : 'probability',
    base_value: base,
    score,
    contributions: cells
      .map((cell, i) => ({
        ...cell,
        contribution: contributions[i]!,
        standard_error: Number.isFinite(errors[i]!) ? errors[i]! : null,
      }))
      .sort(greatestFirst),
    background: about.background,
    sampling: { evaluations, exact, background_rows: about.backgroundRows },
  }
}

function greatestFirst(a: { readonly contribution: number }, b: { readonly contribution: number }): number {
  return Math.abs(b.contribution) - Math.abs(a.contribution)
}
