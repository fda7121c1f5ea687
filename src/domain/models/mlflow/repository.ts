// A model of MLflow served from where it lies, with nobody who registered it: what it predicts is read off its graph. A graph that answers
// neither a label nor one number a row, or whose shapes say too little, is served by tensors.
import type { ModelType, Signature } from '../../../contract/models.ts'
import { asFailure } from '../../../core/failure.ts'
import { inspectModel } from '../../../ml/onnx/inspect.ts'
import type { ValueInfo } from '../../../ml/onnx/read.ts'
import type { ModelInfo, TensorInfo } from '../../../runtime/index.ts'
import { deriveSignature, type Trial } from '../importing/derive.ts'
import { servable } from '../importing/file.ts'
import { type ReadFile, readMlflow } from './read.ts'
import { declaredSignature } from './signature.ts'

export interface FoundModel {
  readonly name: string
  readonly modelType: ModelType
  readonly signature: Signature
}

/** What there is to serve; reads all of it, weights included, because the digest of a part says nothing. */
export async function describeMlflow(read: ReadFile): Promise<FoundModel> {
  const { bytes, descriptor } = await readMlflow(read)
  const { bytes: ready, labels } = servable(bytes)
  const trial = trialOf(ready)
  for (const type of typesOf(trial)) {
    try {
      const derived = deriveSignature(trial, { type, labels: type === 'classification' ? labels : undefined })
      return {
        name: descriptor.name,
        modelType: type,
        signature: declaredSignature(derived, trial.info, descriptor.inputs),
      }
    } catch (error) {
      // A table it is not; that it contradicts its own signature is said, though.
      if (!asFailure(error).code.endsWith('_UNSUPPORTED')) throw error
    }
  }
  const signature = deriveSignature(trial, { type: 'custom' })
  return { name: descriptor.name, modelType: 'custom', signature }
}

/** The bytes the engine is to load. */
export async function loadMlflow(read: ReadFile): Promise<Uint8Array> {
  return servable((await readMlflow(read)).bytes).bytes
}

/** Scores of several classes without a label may as well be several numbers, so they decide nothing. */
function typesOf({ info, outputWidths }: Trial): ModelType[] {
  const width = (output: TensorInfo) => outputWidths[output.name]
  if (info.outputs.some((output) => !output.type.startsWith('float') && width(output) === 1)) return ['classification']
  return info.outputs.length === 1 && width(info.outputs[0]!) === 1 ? ['regression'] : []
}

/** As a trial run would say, as far as the declared shapes go. */
function trialOf(bytes: Uint8Array): Trial {
  const { inputs, outputs } = inspectModel(bytes)
  const found = outputs.map(tensorOf)
  const info = {
    inputs: inputs.flatMap((input) => tensorOf(input) ?? []),
    outputs: found.flatMap((output) => output ?? []),
    otherOutputs: outputs.filter((_, i) => !found[i]).map(({ name }) => name),
  }
  const outputWidths = Object.fromEntries(info.outputs.map(({ name, dims }) => [name, widthOf(dims)]))
  return { info: info as unknown as ModelInfo, outputWidths, answered: {}, acceptsMissing: false }
}

function tensorOf({ name, kind, dtype, dims }: ValueInfo): TensorInfo | undefined {
  if (kind !== 'tensor' || dtype === null) return undefined
  return { name, type: dtype, dims: (dims ?? [null, null]).map((dim) => (typeof dim === 'number' ? dim : null)) }
}

/** Values a row; NaN where the file does not say. */
function widthOf(dims: TensorInfo['dims']): number {
  return dims.slice(1).reduce<number>((product, dim) => product * (dim ?? Number.NaN), 1)
}
