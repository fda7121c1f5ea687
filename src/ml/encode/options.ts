// Every choice an encoding makes that a caller may change, with its default, in this one place.

export interface TextOptions {
  /** Shortest and longest n-gram of words; null for none. */
  readonly words: readonly [number, number] | null
  /**
   * Shortest and longest n-gram of characters; null for none. They help with languages written without spaces and with
   * misspellings, and cost about four times the words. `short`: two to four characters where the texts are short enough
   * for it to pay, 200 on average.
   */
  readonly characters: readonly [number, number] | 'short' | null
  /** An n-gram must occur in so many cells (in one, where none occurs in so many). */
  readonly minDocuments: number
  /** The most frequent so many n-grams are kept, for words and for characters each, per column. */
  readonly maxFeatures: number
  /** Count an n-gram 1 + ln(count) times, so that a word written ten times weighs 3.3 and not 10. */
  readonly sublinear: boolean
  /**
   * Length of the feature vector of a text. √10 and not 1, so that one strength of penalty suits texts and standardised
   * numbers alike: to a linear model it is the same as C = 10 on vectors of length 1, a usual choice for text.
   */
  readonly length: number
}

export interface EncodingOptions {
  /** `standard`: numbers minus their mean, divided by their standard deviation. `none`: as they are (for trees). */
  readonly scale: 'standard' | 'none'
  /** `impute`: a gap takes the median, and a mark beside it says so. `keep`: a gap is NaN (for trees). */
  readonly missing: 'impute' | 'keep'
  /** Parts of a datetime as sine and cosine (`circle`), or as month, weekday and hour counted from 0 (`plain`, for trees). */
  readonly dates: 'circle' | 'plain'
  /** `onehot`: a 0/1 feature per category. `ordinal`: one feature with the category's number (for trees). */
  readonly categories: 'onehot' | 'ordinal'
  /** Rarer categories share the feature "other". In small tables a fiftieth of the rows, or two, is enough. */
  readonly minCategoryRows: number
  /** The most frequent so many categories of a column get a feature; the others count as rare. */
  readonly maxCategories: number
  readonly text: TextOptions
}

export interface EncodingChoices extends Partial<Omit<EncodingOptions, 'text'>> {
  readonly text?: Partial<TextOptions>
}

/** One encoding, or several side by side for learners that are made of others. */
export type EncodingPlan = EncodingChoices | readonly EncodingChoices[]

const ENCODING_DEFAULTS: EncodingOptions = {
  scale: 'standard',
  missing: 'impute',
  dates: 'circle',
  categories: 'onehot',
  minCategoryRows: 5,
  maxCategories: 4096,
  text: {
    words: [1, 2],
    characters: null,
    minDocuments: 2,
    maxFeatures: 20_000,
    sublinear: true,
    length: Math.sqrt(10),
  },
}

export function encodingOptions(choices: EncodingChoices = {}): EncodingOptions {
  return { ...ENCODING_DEFAULTS, ...choices, text: { ...ENCODING_DEFAULTS.text, ...choices.text } }
}
