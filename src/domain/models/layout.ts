// Where the columns of a signature lie in the tensors of a graph. Models trained here take one [N,1] tensor a column, named
// like it. Imported ones may pack several columns into one tensor `X` of [N,k]; those columns are called `X[0]` … `X[k-1]`, or as
// their maker says, in the order of the tensor.
import type { SignatureInput } from '../../contract/models.ts'
import { fail } from '../../core/failure.ts'
import type { ModelInfo, TensorInfo, TensorType } from '../../runtime/index.ts'

export interface TensorLayout {
  readonly name: string
  readonly type: TensorType
  /** Columns side by side in one row of the tensor. */
  readonly width: number
  /** 1: the rows alone, [N]; 2: [N, width]. */
  readonly rank: 1 | 2
}

export interface ColumnSlot {
  /** Index among the tensors. */
  readonly tensor: number
  readonly offset: number
}

export interface Layout {
  readonly tensors: readonly TensorLayout[]
  /** In the order of the columns. */
  readonly slots: readonly ColumnSlot[]
  /** The graph accepts exactly one row at a time. */
  readonly rowByRow: boolean
}

/** @throws `invalid` MODEL_INPUT_UNSUPPORTED for tensors that are not tables of columns. */
export function tensorLayouts(inputs: readonly TensorInfo[]): TensorLayout[] {
  return inputs.map(({ name, type, dims }) => {
    const width = dims.length === 2 ? dims[1] : 1
    if (dims.length < 1 || dims.length > 2 || width === null || width === undefined || width < 1) {
      const shape = dims.map((dim) => dim ?? 'any').join(', ')
      throw fail(
        'invalid',
        'MODEL_INPUT_UNSUPPORTED',
        `Input "${name}" has shape [${shape}]; a model for tables takes [rows] or [rows, columns]`,
      )
    }
    return { name, type, width, rank: dims.length === 1 ? 1 : 2 }
  })
}

export function columnNames(tensor: TensorLayout): string[] {
  if (tensor.width === 1) return [tensor.name]
  return Array.from({ length: tensor.width }, (_, i) => `${tensor.name}[${i}]`)
}

/** Places every column of the signature; the two were derived from one file, so a miss is a fault of the service. */
export function layoutOf(columns: readonly SignatureInput[], info: ModelInfo): Layout {
  const tensors = tensorLayouts(info.inputs)
  const places = new Map<string, ColumnSlot>()
  tensors.forEach((tensor, index) => {
    columnNames(tensor).forEach((name, offset) => {
      places.set(name, { tensor: index, offset })
    })
  })
  const all = [...places.values()]
  // Whoever made the file may have said what the columns of its one tensor are called.
  const renamed = tensors.length === 1 && all.length === columns.length && columns.some(({ name }) => !places.has(name))
  const slots = columns.map(({ name }, index) => {
    const slot = renamed ? all[index] : places.get(name)
    if (!slot) throw fail('internal', 'SIGNATURE_MISMATCH', `The graph has no input for the column "${name}"`)
    return slot
  })
  return { tensors, slots, rowByRow: info.inputs.some(({ dims }) => dims[0] === 1) }
}
