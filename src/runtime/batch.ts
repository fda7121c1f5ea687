// Which waiting runs a worker takes together, and which rows of its answer belong to whom. Nothing waits for company: a
// batch is what has gathered while every worker was busy.
import { fail, type MlError } from '../core/failure.ts'
import type { Batch, RunJob } from './job.ts'
import { bytesOf } from './row.ts'
import type { Tensor } from './types.ts'

export interface BatchLimits {
  readonly rows: number
  readonly bytes: number
}

/** A batch is kept shorter than this where its rows do not gain enough from each other: those behind it wait. */
const LONGEST_MS = 25
/** Rows together must not be dearer than alone by more than this. */
const WORTH = 1.2
/** Waiting runs looked at for company. */
const LOOK_AHEAD = 256
const STEP = 1.05
/** In the first the engine makes its buffers; of as many the shortest counts, for a median would take dozens to recover. */
const FIRST_RUNS = 8

/** Removes from `jobs` the first and those that can run with it; the order of the others stays. */
export function takeTogether(jobs: RunJob[], limits: BatchLimits): [RunJob, ...RunJob[]] {
  const first = jobs.shift()!
  const most = mostRows(first, limits)
  if (most <= first.rows || jobs.length === 0) return [first]
  const taken: [RunJob, ...RunJob[]] = [first]
  const left: RunJob[] = []
  let rows = first.rows
  let bytes = bytesOf(first.feeds)
  let looked = 0
  for (; looked < jobs.length && looked < LOOK_AHEAD && rows < most; looked++) {
    const job = jobs[looked]!
    const fits = !job.single && job.rows > 0 && job.kin === first.kin && rows + job.rows <= most
    const size = fits ? bytesOf(job.feeds) : 0
    if (fits && bytes + size <= limits.bytes) {
      taken.push(job)
      rows += job.rows
      bytes += size
    } else {
      left.push(job)
    }
  }
  jobs.splice(0, looked, ...left)
  return taken
}

function mostRows(job: RunJob, limits: BatchLimits): number {
  if (job.single || job.rows === 0) return 0
  const { aloneMs, togetherMs } = job.model.pace
  if (togetherMs > WORTH * aloneMs) return 0
  return togetherMs === 0 ? limits.rows : Math.min(limits.rows, Math.floor(LONGEST_MS / togetherMs))
}

/** Notes how long a batch took. Where batches lose, their figure slowly forgets, so that they are tried again. */
export function notePace({ pace }: Batch['model'], jobs: readonly RunJob[], runMs: number): void {
  pace.runMs = pace.runs > 0 && pace.runs < FIRST_RUNS ? Math.min(pace.runMs, runMs) : typical(pace.runMs, runMs)
  pace.runs++
  const rows = jobs.reduce((sum, job) => sum + job.rows, 0)
  if (rows === 0) return
  if (jobs.length > 1) {
    pace.togetherMs = typical(pace.togetherMs, runMs / rows)
  } else {
    pace.aloneMs = typical(pace.aloneMs, runMs / rows)
    if (pace.togetherMs === 0) pace.togetherMs = pace.aloneMs
    else if (pace.togetherMs > WORTH * pace.aloneMs) pace.togetherMs *= 0.99
  }
}

/** A running median: on a busy machine a thread that was put aside for a moment would spoil a mean. */
function typical(old: number, value: number): number {
  if (old === 0) return value
  return value > old ? old * STEP : old / STEP
}

/** One list of tensors a job, or the failure of a model whose answer has not one row a row. */
export function splitRows(jobs: readonly RunJob[], outputs: readonly Tensor[]): Tensor[][] | MlError {
  const total = jobs.reduce((sum, job) => sum + job.rows, 0)
  if (outputs.some(({ dims }) => dims[0] !== total)) {
    return fail('internal', 'INFERENCE_FAILED', 'The model did not answer one row for each row')
  }
  let start = 0
  return jobs.map(({ rows }) => {
    const own = outputs.map(({ type, dims, data }): Tensor => {
      const width = data.length / total
      const values = data.slice(start * width, (start + rows) * width)
      return { type, dims: [rows, ...dims.slice(1)], data: values as Tensor['data'] }
    })
    start += rows
    return own
  })
}
