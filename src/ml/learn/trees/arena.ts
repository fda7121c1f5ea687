// One block of shared memory that holds all the large arrays of a training: the WebAssembly kernel works on it in place, and
// threads open the same views over it. Its size is fixed when it is made, because a view does not follow a memory that grows.
import { fail } from '../../../core/failure.ts'
import type { SharedMemory } from './web-assembly.ts'

export interface ArenaPlan {
  readonly rows: number
  readonly features: number
  /** Bins of all features together: the length of one histogram. */
  readonly bins: number
  /** Scores learned at once: one a class for softmax. */
  readonly outputs: number
  /** Histograms kept at once. */
  readonly slots: number
  /** Parts that the rows of a large leaf are added up in, at most; see work.ts. */
  readonly parts: number
  /** Leaves of a tree that is added to the scores, at most; 0 where none is. */
  readonly leaves: number
}

export interface Arena {
  readonly plan: ArenaPlan
  readonly memory: SharedMemory
  /** From one row of `bins` to the next. */
  readonly stride: number
  /** [slot][bin] of (summed gradient, summed Hessian); behind the slots those of the parts but the first. */
  readonly histograms: Float64Array
  /** [output][row]. */
  readonly scores: Float64Array
  /** [place][feature]: the best split of the feature for the leaf at each of two places, see split-record.ts. */
  readonly splits: Float64Array
  /** What is to be learned: the class of a row, or its number. */
  readonly targets: Float64Array
  /** What the threads are to do next, see work.ts. */
  readonly task: Float64Array
  readonly weights: Float32Array
  /** [output][row] of (gradient, Hessian), the row's weight in both. */
  readonly gradients: Float32Array
  /** Rows of the tree under construction, those of a leaf side by side. */
  readonly order: Uint32Array
  readonly spare: Uint32Array
  /** First bin of each feature in a histogram, and the number of all bins. */
  readonly offsets: Uint32Array
  /** [part][feature]: a kernel's own note; no two threads have a feature of one part. */
  readonly places: Uint32Array
  /** What threads tell each other. */
  readonly control: Int32Array
  /** [row][feature], for histograms. */
  readonly bins: Uint8Array
  /** [feature][row], for dividing the rows of a leaf. */
  readonly columns: Uint8Array
  /** [place][feature]: 1 for features that the leaf at a place may be split on. */
  readonly active: Uint8Array
  /** [place][feature][bin]: 1 where a category goes left in the best split of that feature. */
  readonly categorySides: Uint8Array
  /** [bin]: 1 where a bin goes left in the split that is being made. */
  readonly sides: Uint8Array
  /** [block] of (summed gradient, summed Hessian), see work.ts. */
  readonly blockSums: Float64Array
  /** The tree that is being added to the scores, see scores.ts. */
  readonly treeNodes: Int32Array
  readonly treeValues: Float32Array
  readonly treeSides: Uint8Array
}

const PAGE = 65_536
/** What 32-bit WebAssembly can address. */
const MAX_BYTES = 65_536 * PAGE
/** Numbers in a feature's record of its best split. */
export const SPLIT_FIELDS = 8
const CONTROL_WORDS = 128
const TASK_FIELDS = 64
/** Rows of bins start at a multiple of this, so that few of them lie across two cache lines. */
const STRIDE = 8
/** Leaves that are looked at in one step: the two parts of a leaf that was split. */
const PLACES = 2
export const SIDES = 256
/** Rows whose gradients are summed at once. */
export const BLOCK_ROWS = 32_768
/** Numbers of a node in `treeNodes`. */
export const NODE_FIELDS = 5

export function openArena(plan: ArenaPlan, shared?: SharedMemory): Arena {
  const { rows, features, bins, outputs, slots, parts, leaves } = plan
  const nodes = 2 * leaves
  const stride = Math.ceil(features / STRIDE) * STRIDE
  let at = PAGE
  const place = (length: number, width: number) => {
    const start = at
    at += Math.ceil((length * width) / 64) * 64
    return [start, length] as const
  }
  const histograms = place((slots + parts - 1) * bins * 2, 8)
  const scores = place(outputs * rows, 8)
  const splits = place(PLACES * features * SPLIT_FIELDS, 8)
  const targets = place(rows, 8)
  const task = place(TASK_FIELDS, 8)
  const weights = place(rows, 4)
  const gradients = place(outputs * rows * 2, 4)
  const order = place(rows, 4)
  const spare = place(rows, 4)
  const offsets = place(features + 1, 4)
  const places = place(parts * features, 4)
  const control = place(CONTROL_WORDS, 4)
  const rowBins = place(rows * stride, 1)
  const columns = place(rows * features, 1)
  const active = place(PLACES * features, 1)
  const categorySides = place(PLACES * features * SIDES, 1)
  const sides = place(SIDES, 1)
  const blockSums = place(2 * Math.ceil(rows / BLOCK_ROWS), 8)
  const treeNodes = place(nodes * NODE_FIELDS, 4)
  const treeValues = place(nodes, 4)
  const treeSides = place(nodes * SIDES, 1)
  // The kernel reads up to 16 bytes beyond the last bin.
  const pages = Math.ceil((at + PAGE) / PAGE)
  if (pages * PAGE > MAX_BYTES) throw tooLarge(plan, at)
  const memory = shared ?? new WebAssembly.Memory({ initial: pages, maximum: 65_536, shared: true })
  const { buffer } = memory
  return {
    plan,
    memory,
    stride,
    histograms: new Float64Array(buffer, ...histograms),
    scores: new Float64Array(buffer, ...scores),
    splits: new Float64Array(buffer, ...splits),
    targets: new Float64Array(buffer, ...targets),
    task: new Float64Array(buffer, ...task),
    weights: new Float32Array(buffer, ...weights),
    gradients: new Float32Array(buffer, ...gradients),
    order: new Uint32Array(buffer, ...order),
    spare: new Uint32Array(buffer, ...spare),
    offsets: new Uint32Array(buffer, ...offsets),
    places: new Uint32Array(buffer, ...places),
    control: new Int32Array(buffer, ...control),
    bins: new Uint8Array(buffer, ...rowBins),
    columns: new Uint8Array(buffer, ...columns),
    active: new Uint8Array(buffer, ...active),
    categorySides: new Uint8Array(buffer, ...categorySides),
    sides: new Uint8Array(buffer, ...sides),
    blockSums: new Float64Array(buffer, ...blockSums),
    treeNodes: new Int32Array(buffer, ...treeNodes),
    treeValues: new Float32Array(buffer, ...treeValues),
    treeSides: new Uint8Array(buffer, ...treeSides),
  }
}

function tooLarge({ rows, features, outputs }: ArenaPlan, bytes: number) {
  const size = `${rows} rows × ${features} features × ${outputs} scores need ${Math.ceil(bytes / 2 ** 30)} GB`
  const remedy = 'train on fewer rows, leave out columns, merge rare classes, or lower max_leaves'
  return fail('invalid', 'TRAINING_DATA_INVALID', `${size}, more than boosting can use: ${remedy}`, {
    details: { remedy },
  })
}
