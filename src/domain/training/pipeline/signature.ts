// What the new version takes and answers, as its training rows showed it.
import type { ContractColumn } from '../../../contract/datasets.ts'
import type { Signature, SignatureInput } from '../../../contract/models.ts'
import type { Column, Table } from '../../../ml/table.ts'
import type { Target } from './target.ts'

/** Longer lists of values help no caller and make the document large. */
const MAX_CATEGORIES = 100

/** `table` holds the training rows; `columns` the features in order. */
export function describeSignature(table: Table, columns: readonly ContractColumn[], target: Target): Signature {
  return {
    inputs: columns.map((column) => describeInput(column, table.columns.get(column.name)!)),
    outputs: outputs(target),
  }
}

function describeInput({ name, dtype, nullable, required }: ContractColumn, column: Column): SignatureInput {
  const input = { name, dtype, nullable: nullable || !required }
  if (dtype === 'string' && column.form === 'category') {
    const categories = seenCategories(column.codes, column.dictionary)
    return categories.length <= MAX_CATEGORIES ? { ...input, categories } : input
  }
  if ((dtype !== 'number' && dtype !== 'integer') || column.form !== 'number') return input
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (const value of column.values) {
    if (value < min) min = value
    if (value > max) max = value
  }
  return Number.isFinite(min) && Number.isFinite(max) ? { ...input, min, max } : input
}

function seenCategories(codes: Int32Array, dictionary: readonly string[]): string[] {
  const seen = new Set<number>(codes)
  seen.delete(-1)
  return Array.from(seen, (code) => dictionary[code]!).sort((a, b) => (a < b ? -1 : 1))
}

function outputs(target: Target): Signature['outputs'] {
  if (target.task === 'regression') return [{ name: 'prediction', dtype: 'number' }]
  return [
    { name: 'label', dtype: target.dtype, categories: [...target.classes] },
    { name: 'probabilities', dtype: 'number' },
  ]
}
