// The folds of a comparison as matrices. They are kept, because most configurations want the same encoding and encoding takes
// longer than many a fit; and lie in shared memory where several threads are to learn from them.
import type { ContractColumn } from '../../../contract/datasets.ts'
import type { EncodingPlan } from '../../../ml/encode/index.ts'
import type { Matrix } from '../../../ml/matrix.ts'
import type { Split } from '../../../ml/split/index.ts'
import { selectRows } from '../../../ml/table.ts'
import type { Step } from './progress.ts'
import { type Encoded, encodeRows, type Labelled } from './rows.ts'

/** Values of encoded matrices that are kept: 256 MB. */
const MAX_KEPT_VALUES = 64e6

export type FoldEncoder = (fold: number, choices: EncodingPlan, step: Step) => Promise<Encoded>

export interface FoldsRequest {
  readonly rows: Labelled
  readonly columns: readonly ContractColumn[]
  readonly folds: readonly Split[]
  readonly memory: 'own' | 'shared'
}

export function openFolds({ rows, columns, folds, memory }: FoldsRequest): FoldEncoder {
  const { table } = rows
  const kept = new Map<string, Promise<Encoded>>()
  let values = 0
  const encode = async (fold: Split, choices: EncodingPlan, step: Step): Promise<Encoded> => {
    const [train, heldOut] = [selectRows(table, fold.train), selectRows(table, fold.test)]
    const encoded = await encodeRows({ columns, choices, train, heldOut, step })
    if (memory === 'own') return encoded
    return { ...encoded, train: shared(encoded.train), heldOut: shared(encoded.heldOut) }
  }
  return async (fold, choices, step) => {
    const key = `${fold} ${JSON.stringify(choices)}`
    const known = kept.get(key)
    if (known) return known
    const made = encode(folds[fold]!, choices, step)
    // At once, so that whoever wants the same meanwhile waits for it.
    kept.set(key, made)
    try {
      const encoded = await made
      const size = sizeOf(encoded.train) + sizeOf(encoded.heldOut)
      if (values + size > MAX_KEPT_VALUES) kept.delete(key)
      else values += size
      return encoded
    } catch (error) {
      kept.delete(key)
      throw error
    }
  }
}

function sizeOf(matrix: Matrix): number {
  return matrix.values.length * (matrix.form === 'dense' ? 1 : 2)
}

function shared(matrix: Matrix): Matrix {
  const values = inSharedMemory(Float32Array, matrix.values)
  if (matrix.form === 'dense') return { ...matrix, values }
  const [offsets, indices] = [matrix.offsets, matrix.indices].map((part) => inSharedMemory(Uint32Array, part))
  return { ...matrix, values, offsets: offsets!, indices: indices! }
}

function inSharedMemory<T extends Float32Array | Uint32Array>(
  kind: new (buffer: SharedArrayBuffer) => T,
  values: ArrayLike<number> & { readonly byteLength: number },
): T {
  const copy = new kind(new SharedArrayBuffer(values.byteLength))
  copy.set(values)
  return copy
}
