// The live version, measured on exactly the rows the new one is measured on. Where that is impossible the reason is kept:
// a gate that silently compared figures from different rows would promote by luck.
import { readFile } from 'node:fs/promises'
import type { ColumnDtype, DataContract } from '../../../contract/datasets.ts'
import type { SignatureInput } from '../../../contract/models.ts'
import { MlError } from '../../../core/failure.ts'
import type { Column, Table } from '../../../ml/table.ts'
import type { Predictions } from './predictions.ts'
import type { Step } from './progress.ts'
import { scoreFile } from './score-file.ts'
import type { Champion, ChampionResult, ComparedFigure } from './spec.ts'
import { someOf } from './unfit.ts'

export interface ChampionRequest {
  readonly champion: Champion
  /** The held-out rows, with every column the champion takes that the dataset has. */
  readonly table: Table
  readonly contract: DataContract
  /** Class names in the order of the new version; absent for regression. */
  readonly classes?: readonly string[]
  /** The gate's figure for predictions about those rows; its value is NaN where it is not defined. */
  readonly measure: (predictions: Predictions) => ComparedFigure
  readonly step: Step
}

export async function measureChampion(request: ChampionRequest): Promise<ChampionResult> {
  const { champion, classes } = request
  const { version } = champion
  const problem = inputProblem(request) ?? outputProblem(champion, classes)
  if (problem !== undefined) return { version, incomparable: problem }
  try {
    const own = champion.signature.outputs[0]?.categories
    const predictions = await scoreFile({
      file: await readFile(champion.path),
      table: request.table,
      outputs: champion.signature.outputs.slice(0, classes ? 2 : 1).map((output) => output.name),
      ...(classes && own && { classes: own }),
      step: request.step,
    })
    const compared = request.measure(classes && own ? inOrder(predictions, own, classes) : predictions)
    return Number.isFinite(compared.value)
      ? { version, ...compared }
      : { version, incomparable: 'the metric is not defined for it' }
  } catch (error) {
    if (!(error instanceof MlError) || error.kind !== 'invalid') throw error
    return { version, incomparable: `it cannot be run on these rows: ${error.message}` }
  }
}

/** Columns an answer depends on in the same way: 1 and 1.0 are the same cell, "1" and 1 are not. */
const CELL_KIND: Record<ColumnDtype, string> = {
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  datetime: 'datetime',
  string: 'text',
  text: 'text',
}

function inputProblem({ champion, table, contract }: ChampionRequest): string | undefined {
  const dtypes = new Map(contract.columns.map((column) => [column.name, column.dtype]))
  const missing = champion.signature.inputs.filter((input) => !table.columns.has(input.name)).map((input) => input.name)
  if (missing.length > 0) return `the dataset lacks its input column ${someOf(missing)}`
  for (const input of champion.signature.inputs) {
    const dtype = dtypes.get(input.name)
    if (dtype === undefined || CELL_KIND[dtype] !== CELL_KIND[input.dtype]) {
      return `column "${input.name}" is ${dtype} in the dataset and ${input.dtype} in version ${champion.version}`
    }
    const gaps = forbiddenGaps(input, table.columns.get(input.name)!)
    if (gaps > 0) return `column "${input.name}" is missing in ${gaps} held-out rows and it requires a value`
  }
  return undefined
}

function forbiddenGaps({ nullable }: SignatureInput, column: Column): number {
  if (nullable) return 0
  if (column.form === 'number') return column.values.reduce((count, value) => count + Number(Number.isNaN(value)), 0)
  if (column.form === 'category') return column.codes.reduce((count, code) => count + Number(code < 0), 0)
  return column.values.filter((value) => value === null).length
}

function outputProblem({ signature, version }: Champion, classes: readonly string[] | undefined): string | undefined {
  const [main, probabilities] = signature.outputs
  if (!main) return `version ${version} declares no output`
  if (!classes) return main.categories || probabilities ? `version ${version} is a classification` : undefined
  if (!main.categories) return `the classes of version ${version} are not known`
  if (!probabilities) return `version ${version} answers no probabilities`
  const extra = main.categories.filter((name) => !classes.includes(name))
  return extra.length > 0 ? `it knows the class ${someOf(extra)}, which the training rows do not have` : undefined
}

/** The champion's probabilities in the class order of the new version; a class it never saw has probability 0. */
export function inOrder(predictions: Predictions, own: readonly string[], classes: readonly string[]): Predictions {
  if (predictions.task === 'regression') return predictions
  const position = own.map((name) => classes.indexOf(name))
  const rows = predictions.labels.length
  const probabilities = new Float64Array(rows * classes.length)
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < own.length; k++) {
      probabilities[row * classes.length + position[k]!] = predictions.probabilities[row * own.length + k]!
    }
  }
  return { ...predictions, probabilities, labels: predictions.labels.map((label) => position[label] ?? -1) }
}
