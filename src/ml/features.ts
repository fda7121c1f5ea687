// What the columns of an encoded matrix mean, for algorithms that treat categories otherwise than numbers.

export interface FeatureInfo {
  /** Readable, and unique within its part. */
  readonly name: string
  /** The column of the table it comes from. */
  readonly column: string
  /**
   * `number`: ordered; NaN where missing, if the encoding keeps gaps. `category`: a whole number below `categories` that
   * means nothing but identity. `token`: TF-IDF of a word, zero in most rows.
   */
  readonly kind: 'number' | 'category' | 'token'
  readonly categories?: number
  /** Which of several encodings side by side it belongs to; absent where there is one. */
  readonly part?: number
}
