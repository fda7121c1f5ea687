// One block of shared memory that holds all the large arrays of a training: the WebAssembly kernel works on it in place, and
// threads open the same views over it. It is made for sorting the table into bins, which takes the place of what comes later, and
// grows once, by the histograms, when the bins are known: what lies before them stays where it is.
import { fail } from '../../../core/failure.ts'
import type { SharedMemory } from '../web-assembly.ts'
import { CONTROL_WORDS } from './control.ts'

/** What is known before the table is sorted into bins. */
export interface TablePlan {
  readonly rows: number
  readonly features: number
  /** Scores learned at once: one a class for softmax. */
  readonly outputs: number
  /** Leaves of a tree that is added to the scores, at most; 0 where none is. */
  readonly leaves: number
  readonly threads: number
  /** Small leaves that are split at once, at most; see small-leaves.ts. */
  readonly ahead: number
}

export interface ArenaPlan extends TablePlan {
  /** Bins of all features together: the length of one histogram. */
  readonly bins: number
  /** Histograms kept at once. */
  readonly slots: number
  /** Parts that the rows of a large leaf are added up in, at most; see work.ts. */
  readonly parts: number
}

/** The arena while the table is sorted into bins. */
export interface Sorting {
  readonly plan: TablePlan
  readonly memory: SharedMemory
  /** [column of a block][row]: values as they are given. */
  readonly values: Float32Array
  /** [feature][row], as in the arena. */
  readonly columns: Uint8Array
  /** As in the arena. */
  readonly control: Int32Array
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
  /** [place][feature]: the best split of the feature for the leaf at each place, see split-record.ts. */
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
  /** [part or thread][feature]: a kernel's own note; no two threads have a feature of one part. */
  readonly places: Uint32Array
  /** What threads tell each other. */
  readonly control: Int32Array
  /** [row][feature], for histograms. */
  readonly bins: Uint8Array
  /** [feature][row], for dividing the rows of a leaf. */
  readonly columns: Uint8Array
  /** [side][feature]: 1 for features that a part of a leaf may be split on. */
  readonly active: Uint8Array
  /** [place][feature][bin]: 1 where a category goes left in the best split of that feature. */
  readonly categorySides: Uint8Array
  /** [leaf][bin]: 1 where a bin goes left in the split that is being made, or in those that are made at once. */
  readonly sides: Uint8Array
  /** [leaf]: rows that go left in each of those. */
  readonly lefts: Float64Array
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
const TASK_FIELDS = 160
/** Rows of bins start at a multiple of this, so that few of them lie across two cache lines. */
const STRIDE = 8
/** Of a leaf that was split. */
const PARTS = 2
export const SIDES = 256
/** Rows whose gradients are summed at once. */
export const BLOCK_ROWS = 32_768
/** Numbers of a node in `treeNodes`. */
export const NODE_FIELDS = 5
/**
 * Columns whose values are read together: a row lies in one or two cache lines, which hold several of them. Scores, gradients and
 * all else that belongs to rows leave room for as many.
 */
export const COLUMNS_AT_ONCE = 8

type Span = readonly [start: number, length: number]

/** Puts one array behind the other. */
function placing(at: number) {
  const place = (length: number, width: number): Span => {
    const start = at
    at += Math.ceil((length * width) / 64) * 64
    return [start, length]
  }
  return { place, end: () => at }
}

/** What is in the memory from the start on. */
function tableSpans({ rows, features, outputs, leaves, ahead }: TablePlan) {
  const { place, end } = placing(PAGE)
  const stride = Math.ceil(features / STRIDE) * STRIDE
  const nodes = 2 * leaves
  const places = PARTS * ahead
  const spans = {
    scores: place(outputs * rows, 8),
    targets: place(rows, 8),
    weights: place(rows, 4),
    gradients: place(outputs * rows * 2, 4),
    order: place(rows, 4),
    spare: place(rows, 4),
    splits: place(places * features * SPLIT_FIELDS, 8),
    task: place(TASK_FIELDS, 8),
    offsets: place(features + 1, 4),
    control: place(CONTROL_WORDS, 4),
    bins: place(rows * stride, 1),
    columns: place(rows * features, 1),
    active: place(PARTS * features, 1),
    categorySides: place(places * features * SIDES, 1),
    sides: place(ahead * SIDES, 1),
    lefts: place(ahead, 8),
    blockSums: place(2 * Math.ceil(rows / BLOCK_ROWS), 8),
    treeNodes: place(nodes * NODE_FIELDS, 4),
    treeValues: place(nodes, 4),
    treeSides: place(nodes * SIDES, 1),
  }
  return { spans, stride, end: end() }
}

/** The kernel reads up to 16 bytes beyond the last bin, and threads touch nothing else there. */
const pagesFor = (bytes: number) => Math.ceil((bytes + PAGE) / PAGE)

export function openSorting(plan: TablePlan, shared?: SharedMemory): Sorting {
  const { spans, end } = tableSpans(plan)
  const pages = pagesFor(end)
  if (pages * PAGE > MAX_BYTES) throw tooLarge(plan, end)
  const memory = shared ?? new WebAssembly.Memory({ initial: pages, maximum: MAX_BYTES / PAGE, shared: true })
  const { buffer } = memory
  return {
    plan,
    memory,
    values: new Float32Array(buffer, spans.scores[0], COLUMNS_AT_ONCE * plan.rows),
    columns: new Uint8Array(buffer, ...spans.columns),
    control: new Int32Array(buffer, ...spans.control),
  }
}

/** @param memory of the sorting, which is made as large as it must be, or of the arena in another thread. */
export function openArena(plan: ArenaPlan, memory: SharedMemory = openSorting(plan).memory): Arena {
  const { features, bins, slots, parts, threads } = plan
  const { spans, stride, end: tableEnd } = tableSpans(plan)
  const { place, end } = placing(tableEnd)
  const histograms = place((slots + parts - 1) * bins * 2, 8)
  const places = place(Math.max(parts, threads) * features, 4)
  const pages = pagesFor(end())
  if (pages * PAGE > MAX_BYTES) throw tooLarge(plan, end())
  const more = pages - memory.buffer.byteLength / PAGE
  if (more > 0) memory.grow(more)
  const { buffer } = memory
  return {
    plan,
    memory,
    stride,
    histograms: new Float64Array(buffer, ...histograms),
    scores: new Float64Array(buffer, ...spans.scores),
    splits: new Float64Array(buffer, ...spans.splits),
    targets: new Float64Array(buffer, ...spans.targets),
    task: new Float64Array(buffer, ...spans.task),
    weights: new Float32Array(buffer, ...spans.weights),
    gradients: new Float32Array(buffer, ...spans.gradients),
    order: new Uint32Array(buffer, ...spans.order),
    spare: new Uint32Array(buffer, ...spans.spare),
    offsets: new Uint32Array(buffer, ...spans.offsets),
    places: new Uint32Array(buffer, ...places),
    control: new Int32Array(buffer, ...spans.control),
    bins: new Uint8Array(buffer, ...spans.bins),
    columns: new Uint8Array(buffer, ...spans.columns),
    active: new Uint8Array(buffer, ...spans.active),
    categorySides: new Uint8Array(buffer, ...spans.categorySides),
    sides: new Uint8Array(buffer, ...spans.sides),
    lefts: new Float64Array(buffer, ...spans.lefts),
    blockSums: new Float64Array(buffer, ...spans.blockSums),
    treeNodes: new Int32Array(buffer, ...spans.treeNodes),
    treeValues: new Float32Array(buffer, ...spans.treeValues),
    treeSides: new Uint8Array(buffer, ...spans.treeSides),
  }
}

function tooLarge({ rows, features, outputs }: TablePlan, bytes: number) {
  const size = `${rows} rows × ${features} features × ${outputs} scores need ${Math.ceil(bytes / 2 ** 30)} GB`
  const remedy = 'train on fewer rows, leave out columns, merge rare classes, or lower max_leaves'
  return fail('invalid', 'TRAINING_DATA_INVALID', `${size}, more than boosting can use: ${remedy}`, {
    details: { remedy },
  })
}
