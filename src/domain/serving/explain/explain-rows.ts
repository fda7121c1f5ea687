// Why a version answered some rows as it did: exactly where its learner can be taken apart, else by asking it about mixtures
// of the row and the background. Either way the contributions and the base value make the score.
import { createHash } from 'node:crypto'
import type { Explanation } from '../../../contract/explanations.ts'
import type { Signature } from '../../../contract/models.ts'
import { asFailure, fail } from '../../../core/failure.ts'
import { type Game, type SampledShapley, shapleyValues } from '../../../ml/explain/shapley.ts'
import type { Tensors } from '../../../runtime/index.ts'
import type { Answer } from '../output.ts'
import type { Served, VersionRecord } from '../served-version.ts'
import type { ServingCtx } from '../serving.ts'
import { type Background, runFeatures, type VersionExplainer } from './explainers.ts'
import { explainFeatures } from './features.ts'
import { mixRows, sameCell, sliceRows } from './mix.ts'
import { outputOf, scoresOf } from './scores.ts'
import { cellsOf, exactExplanation, sampledExplanation } from './shape.ts'

/** Explaining a row costs hundreds of predictions where it must be sampled. */
const MOST_EXPLAINED_ROWS = 100
/** Rows that a light model explains on the event loop. */
const FEW = 4
const EVALUATIONS = 2000
const BATCH = 128
/** For all rows of a request; what is not asked by then is left out, and the errors say so. */
const TIME_MS = 8000
/** A prediction of the same model goes first. */
const AFTER_PREDICTIONS = { priority: 3 }
const NO_NUMBER = 'The model answers no number for mixtures of this row with other rows, so it cannot be explained'

export interface Explained {
  readonly rows: readonly unknown[]
  /** Undefined where a row has no answer. */
  readonly answers: readonly (Answer | undefined)[]
}

/** @throws `invalid` EXPLANATION_TOO_LARGE for more than 100 rows. */
export function refuseMany(count: number, field: string): void {
  if (count <= MOST_EXPLAINED_ROWS) return
  throw fail('invalid', 'EXPLANATION_TOO_LARGE', `At most ${MOST_EXPLAINED_ROWS} rows are explained in one request`, {
    details: {
      errors: [{ field, message: `must have at most ${MOST_EXPLAINED_ROWS} rows with explain`, value: count }],
    },
  })
}

export function explainRows(
  ctx: ServingCtx,
  served: Served,
  { rows, answers }: Explained,
): Promise<(Explanation | undefined)[]> {
  // What stood in for the model was not made by it.
  const places = answers.flatMap((answer, index) => (answer && !answer.fallback ? [index] : []))
  if (places.length === 0) return Promise.resolve(rows.map(() => undefined))
  return served.use(async (ready) => {
    const { record } = served
    const explainer = await ctx.serving.explainers.find(record, ready)
    const kept = places.map((index) => rows[index])
    const { feeds } = ready.reader.read(kept, () => '')
    const asked: Asked = {
      record,
      explainer,
      feeds,
      rows: kept,
      outputs: places.map((index) => outputOf(answers[index]!, record.signature)),
      run: async (tensors) =>
        (await ready.model.run(tensors, { ...AFTER_PREDICTIONS, gone: ctx.gone, tenant: record.tenantId })).outputs,
      batch: ready.reader.rowByRow ? 1 : BATCH,
    }
    const found = kept.length === 0 ? [] : explainer.exact ? await exact(ctx, asked) : await sampled(ctx, asked)
    const explained: (Explanation | undefined)[] = new Array(rows.length).fill(undefined)
    places.forEach((index, i) => {
      explained[index] = found[i]
    })
    return explained
  })
}

interface Asked {
  readonly record: VersionRecord
  readonly explainer: VersionExplainer
  readonly feeds: Tensors
  readonly rows: readonly unknown[]
  readonly outputs: readonly string[]
  readonly run: (tensors: Tensors) => Promise<Tensors>
  readonly batch: number
}

async function exact(ctx: ServingCtx, asked: Asked): Promise<Explanation[]> {
  const { record, explainer, feeds, rows, outputs } = asked
  const { key, background } = explainer
  const { method, link, here } = explainer.exact!
  try {
    const features = await runFeatures(explainer.exact!, feeds, rows.length)
    const classes = record.signature.outputs[0]?.categories
    const numbers = outputs.map((name) => Math.max(0, classes?.indexOf(name) ?? 0))
    const found =
      here && rows.length <= FEW
        ? explainFeatures(here, features, numbers)
        : (await ctx.serving.explainers.thread.ask({ op: 'explain', key, features, outputs: numbers })).rows
    return found.map((row, i) =>
      exactExplanation(
        { method, link, output: outputs[i]!, background: background.origin, classifier: classes !== undefined },
        row,
        cellsOf(record.signature, rows[i]),
      ),
    )
  } catch (error) {
    if (asFailure(error).code === 'EXPLAINER_GONE') ctx.serving.explainers.forget(key)
    throw error
  }
}

async function sampled(ctx: ServingCtx, asked: Asked): Promise<Explanation[]> {
  const { record, explainer, rows, outputs } = asked
  const deadline = ctx.clock.elapsedMs() + TIME_MS
  const found: Explanation[] = []
  for (const [i, row] of rows.entries()) {
    const until = ctx.clock.elapsedMs() + (deadline - ctx.clock.elapsedMs()) / (rows.length - i)
    const output = outputs[i]!
    const shapley: SampledShapley = await shapleyValues(await gameOf(asked, i), {
      seed: digest(row),
      evaluations: EVALUATIONS,
      batch: asked.batch,
      expired: () => {
        // Nobody waits for the rest.
        return ctx.gone() || ctx.clock.elapsedMs() > until
      },
    })
    const { origin, count } = explainer.background
    if (!shapley.contributions.every(Number.isFinite)) throw fail('invalid', 'EXPLANATION_UNAVAILABLE', NO_NUMBER)
    const about = { output, background: origin, backgroundRows: count }
    found.push(sampledExplanation(about, shapley, cellsOf(record.signature, row)))
  }
  return found
}

async function gameOf({ record, explainer, feeds, outputs, run, batch }: Asked, index: number): Promise<Game> {
  const { layout, background } = explainer
  const { signature } = record
  const mixing = { layout, row: sliceRows(feeds, index, 1), background: background.rows }
  const output = outputs[index]!
  const score = async (tensors: Tensors, rows: number) => scoresOf(signature, await run(tensors), { rows, output })
  const empty = knownScores(background, signature, output) ?? new Float64Array(background.count).fill(Number.NaN)
  for (let start = 0; Number.isNaN(empty[start]); start += batch) {
    const count = Math.min(batch, background.count - start)
    empty.set(await score(sliceRows(background.rows, start, count), count), start)
  }
  return {
    players: layout.slots.length,
    empty,
    full: (await score(mixing.row, 1))[0]!,
    same: (row, player) => sameCell(mixing, row, player),
    evaluate: (coalitions) => score(mixRows(mixing, coalitions), coalitions.length),
  }
}

function knownScores({ answers, count }: Background, signature: Signature, output: string): Float64Array | null {
  if (!answers) return null
  const place = Math.max(0, signature.outputs[0]?.categories?.indexOf(output) ?? 0)
  const width = answers.length / count
  return Float64Array.from({ length: count }, (_, row) => answers[row * width + place]!)
}

/** The same row is sampled in the same way, whoever asks. */
function digest(row: unknown): number {
  return createHash('sha256').update(JSON.stringify(row)).digest().readUInt32LE(0)
}
