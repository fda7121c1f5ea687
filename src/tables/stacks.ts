// Columns of one strip that are read alike, one upon the other: the engine takes milliseconds to plan the expressions of each column
// that a statement asks for, and plans these once for all of them (docs/decisions/060).
import { MlError } from '../core/failure.ts'
import type { TableFile } from './facts.ts'
import type { SourceFile } from './source.ts'
import { readingKey, type TypedColumn, typedRelation } from './sql.ts'
import { readTogether } from './strips.ts'

/** `kindOf` tells apart what is read alike and yet not to lie together. */
export function* stacksOf<T>(
  file: SourceFile,
  items: readonly T[],
  {
    columnOf,
    kindOf = () => '',
  }: { readonly columnOf: (item: T) => TypedColumn; readonly kindOf?: (item: T) => string },
): Generator<T[]> {
  const indexOf = (item: T) => columnOf(item).index
  for (const alike of Map.groupBy(items, (item) => `${readingKey(columnOf(item))}\n${kindOf(item)}`).values()) {
    yield* readTogether(file, alike, { most: alike.length, indexOf })
  }
}

/** The cells of a row follow one another; `k` counts the columns, and all else is named as that of the first. */
export function stackRelation(
  { file, reading }: TableFile,
  columns: readonly TypedColumn[],
  rowNumbers: 'none' | 'from 1' = 'none',
): string {
  const stacked = columns.map(({ index }) => index)
  return typedRelation(file, reading, { columns: [columns[0]!], rowNumbers, stacked })
}

/** Long values can make a pass too large for the memory there is; half the columns then take two passes. */
export async function inHalves<T>(group: readonly T[], work: (half: readonly T[]) => Promise<void>): Promise<void> {
  try {
    await work(group)
  } catch (error) {
    if (group.length === 1 || !(error instanceof MlError) || error.kind !== 'too_large') throw error
    const half = Math.ceil(group.length / 2)
    await inHalves(group.slice(0, half), work)
    await inHalves(group.slice(half), work)
  }
}
