// Explanations as a person reads them in a terminal.
import type { Explanation, VersionExplanation } from '../contract/explanations.ts'
import { table } from './terminal.ts'

const MOST_COLUMNS = 15
const MOST_FEATURES = 3

/** The columns that moved the answer most, with what the model saw of them. */
export function explanationText({ output, space, base_value, score, contributions, method }: Explanation): string {
  const shown = contributions.slice(0, MOST_COLUMNS)
  const rows = shown.map(({ column, value, contribution, features = [] }) => ({
    column,
    value,
    contribution,
    mostly: features
      .slice(0, MOST_FEATURES)
      .map((one) => `${one.feature} ${one.contribution.toPrecision(2)}`)
      .join(', '),
  }))
  const known = rows.some(({ mostly }) => mostly !== '') ? ['mostly'] : []
  const head = `Why ${output} (${space}, ${method}): ${base_value.toPrecision(4)} + contributions = ${score.toPrecision(4)}`
  return `${head}\n\n${table(rows, ['column', 'value', 'contribution', ...known])}${left(contributions.length)}`
}

/** What matters to a version as a whole. */
export function versionExplanationText(found: VersionExplanation): string {
  const { importance, metric, rows, space, background } = found
  const compared = `Explanations compare with ${background.rows} rows (${background.origin}).`
  if (importance.length === 0) return `Nothing was computed for this version. ${compared}`
  const head = `On ${rows} held-out rows; permutation: loss of ${metric ?? 'the metric'}; contributions in ${space ?? 'no unit'}.`
  const shown = table(importance.slice(0, MOST_COLUMNS), ['column', 'mean_abs_contribution', 'permutation'])
  return `${head} ${compared}\n\n${shown}${left(importance.length)}`
}

function left(count: number): string {
  return count > MOST_COLUMNS ? `\n… and ${count - MOST_COLUMNS} more columns (--json shows all)` : ''
}
