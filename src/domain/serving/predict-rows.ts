// The one way to a prediction; every reply shape and every face ends here.
import { asFailure, type FieldError } from '../../core/failure.ts'
import { roughBytes } from '../../core/rough-bytes.ts'
import { inSpan } from '../../core/trace.ts'
import { type PooledResult, Row, type Tensors } from '../../runtime/index.ts'
import { takesTensors } from '../models/index.ts'
import { canStandIn, insteadOf } from './fallback.ts'
import { type Answer, readAnswers } from './output.ts'
import { labelsOf, seriesOf } from './record-series.ts'
import { runLimits } from './run-limits.ts'
import { predictionSpan, tracedRun } from './run-spans.ts'
import type { ReadyVersion, Served, VersionRecord } from './served-version.ts'
import type { ServingCtx } from './serving.ts'
import { refuseColumns } from './tensors-only.ts'
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
  const { modelType, modelName } = served.record
  // Before anything is counted: the doors of other servers ask again, by tensors.
  if (takesTensors(modelType)) throw refuseColumns(modelName)
  const started = ctx.clock.elapsedMs()
  try {
    return await predictOnly(ctx, served, given)
  } catch (error) {
    const { record } = served
    return { record, ...instead(ctx, { served, given, error }), elapsedMs: ctx.clock.elapsedMs() - started }
  }
}

/** Without falling back: what the model itself says, or its failure. */
async function predictOnly(ctx: ServingCtx, served: Served, given: Rows): Promise<Predicted> {
  const { record, arm } = served
  const { result, elapsedMs } = await counted(ctx, served, (ready, ctx) => run(ctx, { ready, served, given }))
  const { answers, errors, known } = onlyAnswered(result, given)
  if (known) ctx.serving.statistics.of(record).known(elapsedMs)
  // What was answered before says nothing of how fast a version is.
  arm?.counts.answered(known ? undefined : elapsedMs, errors.size)
  arm?.copy?.(copyOf(ctx, given, answers))
  return { record, answers, errors, elapsedMs }
}

function copyOf(ctx: ServingCtx, given: Rows, answers: Predicted['answers']): Copy {
  return {
    rows: given.rows.length,
    bytes: roughBytes(given.rows),
    async ask(version, signal) {
      const own = await predictOnly({ ...ctx, signal, gone: () => signal.aborted }, version, given)
      const pairs = own.answers.flatMap((challenger, index): Pair[] => {
        const champion = answers[index]
        return champion && challenger ? [{ input: given.rows[index], champion, challenger }] : []
      })
      return { elapsedMs: own.elapsedMs, refused: own.errors.size, pairs }
    },
  }
}

export interface RunOfRows {
  /** Of this request. */
  readonly rows: number
  readonly result: PooledResult
}

/** Sizes of batches are seen once a run of the engine, however many requests it answered. */
export function noteRun(
  { metrics, serving, clock }: ServingCtx,
  record: VersionRecord,
  { rows, result }: RunOfRows,
): void {
  if (result.leads) seriesOf(metrics, record).batchRows.observe(result.batchRows)
  serving.statistics.of(record).ran({ rows, atMs: clock.now().getTime(), result })
}

/** Runs `work` with the version loaded, as a span of its own, and counts the request, its time and its failure. */
export async function counted<T>(
  ctx: ServingCtx,
  served: Served,
  work: (ready: ReadyVersion, ctx: ServingCtx) => Promise<T>,
): Promise<{ readonly result: T; readonly elapsedMs: number }> {
  const { record, arm } = served
  const { metrics, clock, serving } = ctx
  const statistics = serving.statistics.of(record)
  const started = clock.elapsedMs()
  const series = seriesOf(metrics, record)
  series.requests.inc()
  try {
    const result = ctx.span.recording
      ? await inSpan(ctx, predictionSpan(record), (ctx) => served.use((ready) => work(ready, ctx)))
      : await served.use((ready) => work(ready, ctx))
    const elapsedMs = clock.elapsedMs() - started
    series.seconds.observe(elapsedMs / 1000)
    statistics.succeeded(elapsedMs)
    statistics.modelKey = served.ready?.model.key
    return { result, elapsedMs }
  } catch (error) {
    metrics.inferenceErrors.inc({ ...labelsOf(record), code: asFailure(error).code })
    statistics.failed(clock.elapsedMs() - started)
    arm?.counts.failed(error)
    throw error
  }
}

interface Run {
  readonly ready: ReadyVersion
  readonly served: Served
  readonly given: Rows
}

interface Found extends Pick<Predicted, 'answers' | 'errors'> {
  /** No run was needed: from the cache. */
  readonly known?: boolean
}

function run(ctx: ServingCtx, { ready, served, given }: Run): Promise<Found> {
  if (given.rows.length === 1) return runOne(ctx, { ready, served, given })
  return ready.reader.rowByRow ? oneByOne(ctx, { ready, served, given }) : runTable(ctx, { ready, served, given })
}

async function runTable(ctx: ServingCtx, { ready, served, given }: Run): Promise<Found> {
  const { feeds, rows, errors } = ready.reader.read(given.rows, given.place)
  const answers: (Answer | undefined)[] = new Array(given.rows.length).fill(undefined)
  if (rows.length > 0) {
    const found = await ask(ctx, { ready, served, feeds, rows: rows.length, gone: ctx.gone })
    for (let i = 0; i < rows.length; i++) answers[rows[i]!] = found[i]
  }
  return { answers, errors }
}

async function runOne(ctx: ServingCtx, { ready, served, given }: Run): Promise<Found> {
  const row = ready.reader.readOne(given.rows[0], () => given.place(0))
  if (!(row instanceof Row)) return { answers: [undefined], errors: errorsOf(row) }
  let known = true
  const answer = await ctx.serving.answers.answer({
    served,
    row,
    gone: ctx.gone,
    ask: async (gone) => {
      known = false
      return (await ask(ctx, { ready, served, feeds: row, rows: 1, gone }))[0]!
    },
  })
  if (known) ctx.span.set(FROM_CACHE)
  return { answers: [answer], errors: NO_ERRORS, known }
}

const NO_ERRORS: ReadonlyMap<number, readonly FieldError[]> = new Map()

/** Of the only row. */
function errorsOf(row: Row | readonly FieldError[]): Predicted['errors'] {
  return row instanceof Row ? NO_ERRORS : new Map([[0, row]])
}

/** What says of a row that there is no answer to it. */
export const NO_ANSWER = 'makes the model answer no finite number'

/** Rows that a model has no number for are refused like wrong ones: a `null` would be taken for an answer. */
function onlyAnswered(found: Found, { place }: Rows): Found {
  if (!found.answers.some((answer) => answer?.prediction === null)) return found
  const errors = new Map(found.errors)
  const answers = found.answers.map((answer, index) => {
    if (answer?.prediction !== null) return answer
    errors.set(index, [{ field: place(index), message: NO_ANSWER }])
    return undefined
  })
  return { ...found, answers, errors }
}

const FROM_CACHE = { 'modelyard.cache.hit': true }

interface Ask {
  readonly ready: ReadyVersion
  readonly served: Served
  readonly feeds: Tensors | Row
  readonly rows: number
  readonly gone: () => boolean
}

async function ask(ctx: ServingCtx, { ready, served, feeds, rows, gone }: Ask): Promise<Answer[]> {
  const { record, settings } = served
  const options = { gone, tenant: record.tenantId, ...runLimits(settings) }
  const result = await tracedRun(ctx, { model: ready.model, feeds, options })
  noteRun(ctx, record, { rows, result })
  served.note(result.runMs / Math.max(1, result.batchRows))
  return readAnswers(record.signature, result.outputs, rows)
}

interface Failed {
  readonly served: Served
  readonly given: Rows
  readonly error: unknown
}

/** What is known of the rows, or declared for them, where the model cannot answer; else the error. */
function instead(ctx: ServingCtx, { served, given, error }: Failed): Pick<Predicted, 'answers' | 'errors'> {
  const { ready } = served
  const reader = canStandIn(error) ? ready?.reader : undefined
  const row = given.rows.length === 1 ? reader?.readOne(given.rows[0], () => given.place(0)) : undefined
  const last = row instanceof Row ? () => ctx.serving.answers.last({ served, row }) : undefined
  const answer = insteadOf(error, served, last)
  const errors = row === undefined ? reader?.read(given.rows, given.place).errors : errorsOf(row)
  return {
    answers: given.rows.map((_, index) => (errors?.has(index) ? undefined : answer)),
    errors: errors ?? NO_ERRORS,
  }
}

/** For graphs that were exported for a batch of exactly one. */
async function oneByOne(ctx: ServingCtx, { ready, served, given }: Run): Promise<Found> {
  const answers: (Answer | undefined)[] = []
  const errors = new Map<number, readonly FieldError[]>()
  for (const [index, row] of given.rows.entries()) {
    // Thousands of runs, of which none waits long enough to be dropped.
    if (ctx.gone()) ctx.signal.throwIfAborted()
    const one = await run(ctx, { ready, served, given: { rows: [row], place: () => given.place(index) } })
    answers.push(one.answers[0])
    const problems = one.errors.get(0)
    if (problems) errors.set(index, problems)
  }
  return { answers, errors }
}
