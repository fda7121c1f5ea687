// How trees want their columns: numbers as they are, gaps kept, categories as numbers that only name them, the parts of dates as
// plain counts, and of a text only its most frequent words, because a split looks at one of them at a time.
import type { EncodingChoices } from '../../encode/index.ts'

/** With "rare" and "missing", the categories of a column then fit the bins of one byte. */
const MAX_CATEGORIES = 253

export const TREE_ENCODING: EncodingChoices = {
  scale: 'none',
  missing: 'keep',
  dates: 'plain',
  categories: 'ordinal',
  maxCategories: MAX_CATEGORIES,
  text: { words: [1, 1], maxFeatures: 400 },
}
