// What an imported file takes and answers, in the words of a signature.
import type { ModelType, Signature, SignatureInput, SignatureOutput } from '../../../contract/models.ts'
import { fail } from '../../../core/failure.ts'
import type { ModelInfo, TensorInfo, TensorType } from '../../../runtime/index.ts'
import { columnNames, tensorLayouts } from '../layout.ts'
import { takesTensors } from '../policy.ts'

/** What a trial run found out that the declared shapes do not say. */
export interface Trial {
  readonly info: ModelInfo
  /** Length of each output for one row. */
  readonly outputWidths: Readonly<Record<string, number>>
  /** What it answered to a row of zeros, as texts, by output. */
  readonly answered: Readonly<Record<string, readonly string[]>>
  /** A row of missing values gives finite answers. */
  readonly acceptsMissing: boolean
}

export interface DeriveOptions {
  readonly type: ModelType
  readonly labels?: readonly string[] | undefined
  /** Who says what the classes are called: the file, which knows, or whoever registers it. Default: the file. */
  readonly named?: 'by the file' | 'by hand'
}

/** @throws `invalid` when the outputs are not those of a classifier or a regressor of one number. */
export function deriveSignature(trial: Trial, options: DeriveOptions): Signature {
  if (takesTensors(options.type)) return tensorSignature(trial.info, options.labels)
  return { inputs: inputsOf(trial), outputs: outputsOf(trial, options) }
}

/** Such a model is called by tensors: its inputs and outputs are named, and how they are shaped is the graph's to say. */
function tensorSignature({ inputs, outputs }: ModelInfo, labels: readonly string[] | undefined): Signature {
  const scores = outputs.find((output) => isFloat(output) && (output.dims.at(-1) ?? labels?.length) === labels?.length)
  if (labels && !scores) {
    throw fail('invalid', 'LABELS_MISMATCH', `No output has ${labels.length} values along its last axis, one a label`)
  }
  return {
    inputs: inputs.map(({ name, type }) => ({ name, dtype: dtypeOf(type), nullable: false })),
    outputs: outputs.map((output) => ({
      name: output.name,
      dtype: dtypeOf(output.type),
      ...(labels && output === scores && { categories: [...labels] }),
    })),
  }
}

function inputsOf({ info, acceptsMissing }: Trial): SignatureInput[] {
  return tensorLayouts(info.inputs).flatMap((tensor) =>
    columnNames(tensor).map((name): SignatureInput => {
      const dtype = dtypeOf(tensor.type)
      return { name, dtype, nullable: acceptsMissing && (dtype === 'number' || dtype === 'string') }
    }),
  )
}

function dtypeOf(type: TensorType): SignatureOutput['dtype'] {
  if (type === 'string') return 'string'
  if (type === 'bool') return 'boolean'
  return type.startsWith('float') ? 'number' : 'integer'
}

function outputsOf(trial: Trial, { type, labels, named = 'by the file' }: DeriveOptions): SignatureOutput[] {
  const outputs = trial.info.outputs
  if (type === 'regression') {
    if (labels) throw labelsMismatch('labels are for classes, and a regression model answers a number')
    const value = outputs.find((output) => isFloat(output) && trial.outputWidths[output.name] === 1)
    if (!value) throw unsupported('a regression model must answer one number a row', trial)
    return [{ name: value.name, dtype: 'number' }]
  }
  const label = outputs.find((output) => !isFloat(output) && trial.outputWidths[output.name] === 1)
  const scores = outputs.find((output) => isFloat(output) && trial.outputWidths[output.name]! > 1)
  const count = scores && trial.outputWidths[scores.name]
  if (labels && count !== undefined && labels.length !== count) {
    throw labelsMismatch(`${labels.length} labels were given, but the model scores ${count} classes`)
  }
  if (label && labels && named === 'by hand') {
    if (!scores) throw labelsMismatch('the model answers no scores: it names its classes itself')
    if (contradicts(trial, { label, scores, labels })) {
      const dtype = labels.every(isNumeral) ? 'integer' : 'string'
      return [{ name: scores.name, dtype, categories: [...labels] }]
    }
  }
  if (label) return labelled(label, scores, labels)
  if (!scores) throw unsupported('a classification model must answer a label, or a score for each class', trial)
  const categories = labels ? [...labels] : Array.from({ length: count! }, (_, k) => String(k))
  return [{ name: scores.name, dtype: labels ? 'string' : 'integer', categories }]
}

function labelsMismatch(message: string) {
  return fail('invalid', 'LABELS_MISMATCH', message, { details: { errors: [{ field: 'labels', message }] } })
}

function isNumeral(name: string): boolean {
  return /^-?\d+$/.test(name)
}

interface Named {
  readonly label: TensorInfo
  readonly scores: TensorInfo
  readonly labels: readonly string[]
}

/**
 * Whether numbers were given for names that are not the numbers the graph has: what it calls 1 would pass for the class that was
 * named "1", which may be the one it calls 0. Then the highest score decides. Words are never taken for numbers.
 */
function contradicts({ answered }: Trial, { label, scores, labels }: Named): boolean {
  const said = answered[label.name]?.[0]
  const values = answered[scores.name]?.map(Number)
  if (said === undefined || values === undefined || !labels.some(isNumeral)) return false
  return labels.indexOf(said) !== values.indexOf(Math.max(...values))
}

/**
 * Without `labels` the probabilities of a model that answers text labels have no names, so they are left out. Labels that
 * rename the numbers of a graph make its answers texts.
 */
function labelled(
  label: TensorInfo,
  scores: TensorInfo | undefined,
  labels: readonly string[] | undefined,
): SignatureOutput[] {
  const isRenamed = scores !== undefined && labels?.some((name) => !isNumeral(name)) === true
  const main: SignatureOutput = { name: label.name, dtype: label.type === 'string' || isRenamed ? 'string' : 'integer' }
  if (!scores || !labels) return [main]
  return [
    { ...main, categories: [...labels] },
    { name: scores.name, dtype: 'number' },
  ]
}

function isFloat({ type }: TensorInfo): boolean {
  return type.startsWith('float')
}

function unsupported(why: string, { info, outputWidths }: Trial) {
  const found = info.outputs.map(({ name, type }) => `${name} (${type}, ${outputWidths[name]} a row)`)
  const others = info.otherOutputs.map((name) => `${name} (not a tensor)`)
  return fail('invalid', 'MODEL_OUTPUT_UNSUPPORTED', `${why}; this one has ${[...found, ...others].join(', ')}`)
}
