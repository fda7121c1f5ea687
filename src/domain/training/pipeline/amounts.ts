// Columns of words that a person reads as numbers: "$1,234.50", "12 %", "1.200 €". They stay words, because the same cell is another
// number in another country; learned as words they say little, so a warning names them.
import type { Column, Table } from '../../../ml/table.ts'

/** Fewer different words are categories as well as any. */
const MIN_DISTINCT = 10
const MAX_LOOKED_AT = 1000
const SIGN = '[$€£¥₹]'
const DIGITS = String.raw`\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?`
const AMOUNT = new RegExp(
  `^[-+(]?(?:${SIGN} ?[-+]?(?:${DIGITS})|(?:${DIGITS}) ?(?:${SIGN}|%)|\\d{1,3}(?:[,' ]\\d{3})+(?:\\.\\d+)?)\\)?$`,
)

export function amountWarnings({ columns }: Table, features: readonly string[]): string[] {
  return features.flatMap((name) => {
    const words = differentWords(columns.get(name)!)
    if (words.length < MIN_DISTINCT || !words.every((word) => AMOUNT.test(word.trim()))) return []
    return [
      `Column "${name}" holds numbers with signs or separators, such as ${JSON.stringify(words[0])}, and was read as words: write them as plain numbers, such as 1234.5, to have their size learned`,
    ]
  })
}

function differentWords(column: Column): readonly string[] {
  if (column.form === 'category') return column.dictionary.slice(0, MAX_LOOKED_AT)
  if (column.form === 'number') return []
  const words = column.values.slice(0, MAX_LOOKED_AT).filter((word) => word !== null)
  return [...new Set(words)]
}
