// From features back to the columns a person knows: contributions are summed by column, the greatest features listed.

export interface FeatureMap {
  readonly names: readonly string[]
  /** Column of each feature. */
  readonly columns: ArrayLike<number>
}

export interface ColumnShare {
  readonly column: number
  readonly contribution: number
  /** Greatest first; none where the column is one feature of the same name. */
  readonly features?: readonly {
    readonly feature: string
    readonly value: number | null
    readonly contribution: number
  }[]
}

const MOST_FEATURES = 20

export interface RowContributions {
  /** By feature. */
  readonly contributions: Float64Array
  /** Of the row that begins at `offset`. */
  readonly features: ArrayLike<number>
  readonly offset: number
}

/** One entry a column, in the order of `columnNames`. */
export function byColumn(map: FeatureMap, columnNames: readonly string[], row: RowContributions): ColumnShare[] {
  const { contributions, features, offset } = row
  const sums = new Float64Array(columnNames.length)
  const members = new Map<number, number[]>()
  const single = countFeatures(map, columnNames)
  for (let j = 0; j < contributions.length; j++) {
    const contribution = contributions[j]!
    const column = map.columns[j]!
    sums[column]! += contribution
    if (contribution === 0 || single[column]) continue
    const list = members.get(column)
    if (list) list.push(j)
    else members.set(column, [j])
  }
  return columnNames.map((_, column) => {
    const listed = members.get(column)
    if (!listed) return { column, contribution: sums[column]! }
    const size = (j: number) => Math.abs(contributions[j]!)
    const greatest = listed.sort((a, b) => size(b) - size(a) || a - b).slice(0, MOST_FEATURES)
    return {
      column,
      contribution: sums[column]!,
      features: greatest.map((j) => {
        const value = features[offset + j]!
        return { feature: map.names[j]!, value: Number.isNaN(value) ? null : value, contribution: contributions[j]! }
      }),
    }
  })
}

/** Columns that are one feature of their own name. */
function countFeatures({ names, columns }: FeatureMap, columnNames: readonly string[]): boolean[] {
  const counts = new Uint32Array(columnNames.length)
  const named = columnNames.map(() => false)
  for (let j = 0; j < names.length; j++) {
    counts[columns[j]!]!++
    named[columns[j]!] ||= names[j] === columnNames[columns[j]!]
  }
  return columnNames.map((_, column) => counts[column]! <= 1 && (counts[column] === 0 || named[column]!))
}
