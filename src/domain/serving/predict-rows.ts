// The one way to a prediction; every reply shape and every face ends here.
import { asFailure, type FieldError } from '../../core/failure.ts'
import type { PooledResult } from '../../runtime/index.ts'
import { type Answer, readAnswers } from './output.ts'
import type { ReadyVersion, Served, VersionRecord } from './served-version.ts'
import type { ServingCtx } from './serving.ts'
import type { Pair } from './traffic/differences.ts'
import type { Copy } from './traffic/shadow.ts'

export interface Predicted {
  readonly record: VersionRecord
  /** By index of the row given; undefined where the row has errors. */
  readonly answers: readonly (Answer | undefined)[]
  readonly errors: ReadonlyMap<number, readonly FieldError[]>
  readonly elapsedMs: number
}

export interface Rows {
  readonly rows: readonly unknown[]
  /** Where a row stands in the request, for its errors. */
  readonly place: (index: number) => string
}

export async function predictRows(ctx: ServingCtx, served: Served, given: Rows): Promise<Predicted> {
  const { record, arm } = served
  const { result, elapsedMs } = await counted(ctx, served, (ready) => run(ctx, { ready, record, given }))
  arm?.counts.answered(elapsedMs, result.errors.size)
  arm?.copy?.(copyOf(ctx, given, result.answers))
  return { record, ...result, elapsedMs }
}

function copyOf(ctx: ServingCtx, given: Rows, answers: Predicted['answers']): Copy {
  return {
    rows: given.rows.length,
    async ask(version, signal) {
      const own = await predictRows({ ...ctx, signal, gone: () => signal.aborted }, version, given)
      const pairs = own.answers.flatMap((challenger, index): Pair[] => {
        const champion = answers[index]
        return champion && challenger ? [{ input: given.rows[index], champion, challenger }] : []
      })
      return { elapsedMs: own.elapsedMs, refused: own.errors.size, pairs }
    },
  }
}

/** Once a run of the engine, however many requests it answered. */
export function noteBatch({ metrics }: ServingCtx, record: VersionRecord, { leads, batchRows }: PooledResult): void {
  if (leads) metrics.predictionBatchSize.observe(labelsOf(record), batchRows)
}

function labelsOf(record: VersionRecord) {
  return { tenant: record.tenantId, model: record.modelName, version: record.version }
}

/** Runs `work` with the version loaded, and counts the request, its time and its failure. */
export async function counted<T>(
  { metrics, clock }: ServingCtx,
  served: Served,
  work: (ready: ReadyVersion) => Promise<T>,
): Promise<{ readonly result: T; readonly elapsedMs: number }> {
  const { record, arm } = served
  const started = clock.elapsedMs()
  const labels = labelsOf(record)
  metrics.inferenceRequests.inc(labels)
  try {
    const result = await served.use(work)
    const elapsedMs = clock.elapsedMs() - started
    metrics.inferenceDuration.observe(labels, elapsedMs / 1000)
    return { result, elapsedMs }
  } catch (error) {
    metrics.inferenceErrors.inc({ ...labels, code: asFailure(error).code })
    arm?.counts.failed(error)
    throw error
  }
}

interface Run {
  readonly ready: ReadyVersion
  readonly record: VersionRecord
  readonly given: Rows
}

async function run(ctx: ServingCtx, { ready, record, given }: Run): Promise<Pick<Predicted, 'answers' | 'errors'>> {
  if (ready.reader.rowByRow && given.rows.length > 1) return oneByOne(ctx, { ready, record, given })
  const { feeds, rows, errors } = ready.reader.read(given.rows, given.place)
  const answers: (Answer | undefined)[] = new Array(given.rows.length).fill(undefined)
  if (rows.length > 0) {
    const result = await ready.model.run(feeds, { gone: ctx.gone, tenant: record.tenantId })
    noteBatch(ctx, record, result)
    const found = readAnswers(record.signature, result.outputs, rows.length)
    for (let i = 0; i < rows.length; i++) answers[rows[i]!] = found[i]
  }
  return { answers, errors }
}

/** For graphs that were exported for a batch of exactly one. */
async function oneByOne(ctx: ServingCtx, { ready, record, given }: Run): ReturnType<typeof run> {
  const answers: (Answer | undefined)[] = []
  const errors = new Map<number, readonly FieldError[]>()
  for (const [index, row] of given.rows.entries()) {
    const one = await run(ctx, { ready, record, given: { rows: [row], place: () => given.place(index) } })
    answers.push(one.answers[0])
    const problems = one.errors.get(0)
    if (problems) errors.set(index, problems)
  }
  return { answers, errors }
}
