// Training match scoring: the outcomes become an ordinary dataset, and an ordinary training learns from it, with a
// gate by log loss (which rewards honest chances), and all of a pair's rows on one side of the split.
import { Readable } from 'node:stream'
import { createDataset, deleteDataset } from '../../domain/datasets/index.ts'
import type { ServingCtx } from '../../domain/serving/index.ts'
import { submitTraining } from '../../domain/training/index.ts'
import { tooLittle } from '../too-little.ts'
import type { Asking } from '../trainer.ts'
import { matchLearner } from './learner.ts'
import { type Outcomes, readOutcomes } from './outcomes.ts'
import { PAIR_FEATURES } from './pair.ts'
import { MATCH_MODEL } from './score.ts'

const MIN_OUTCOMES = 40
/** Of those who went together, and of those who did not. */
const MIN_OF_EACH = 10
/** With fewer persons the held-out rows would be those of one or two of them. */
const MIN_GROUPS = 20
const METRIC = 'log_loss'
/** What is said of a pair, and not of each of the two whoever the other is. */
const ALIKE = PAIR_FEATURES.filter(({ factor }) => factor !== undefined).map(({ name }) => name)

export const trainMatch: Asking = async (ctx, { seed }) => {
  const outcomes = await readOutcomes(ctx)
  const { rows, groups } = outcomes
  const good = rows.filter(({ outcome }) => outcome === 1).length
  const few = Math.min(good, rows.length - good)
  if (rows.length < MIN_OUTCOMES) throw tooLittle(rows.length, `${MIN_OUTCOMES} outcomes of pairs`)
  if (few < MIN_OF_EACH) throw tooLittle(few, `${MIN_OF_EACH} outcomes of either kind, good and bad`)
  const features = PAIR_FEATURES.map(({ name }) => name).filter((name) => rows.some((row) => row[name] !== null))
  if (features.length === 0) throw tooLittle(0, 'one feature known of both users of a pair')
  const dataset_id = await storeOutcomes(ctx, outcomes)
  try {
    const { model_id, job_id, version } = await submitTraining(ctx, {
      model_name: MATCH_MODEL,
      dataset_id,
      model_type: 'classification',
      target: 'outcome',
      features,
      ...matchLearner(rows.length, features.length),
      evaluation: { metric: METRIC, seed, ...(groups >= MIN_GROUPS && { group_column: 'person' }) },
    })
    return {
      service: 'match',
      model_id,
      model_name: MATCH_MODEL,
      version,
      status: 'training',
      job_id,
      examples: rows.length,
      message: `Version ${version} learns from ${rows.length} outcomes of pairs${unknownWords(outcomes)}`,
    }
  } catch (error) {
    await deleteDataset(ctx, { dataset_id }).catch((cause: unknown) =>
      ctx.log.warn({ err: cause }, 'left-over dataset'),
    )
    throw error
  }
}

/** Of features that were written after the outcomes nothing may be learned, which is the first thing that happens to a new tenant. */
function unknownWords({ rows }: Outcomes): string {
  const unknown = rows.filter((row) => ALIKE.every((name) => row[name] === null)).length
  if (unknown === 0) return ''
  return `; of ${unknown} of them no feature of both users was known at the time (features count from their observed_at on)`
}

async function storeOutcomes(ctx: ServingCtx, { rows }: Outcomes): Promise<string> {
  const number = (name: string) => ({ name, dtype: 'number' as const, required: true, nullable: true })
  const columns = [
    ...PAIR_FEATURES.map(({ name }) => number(name)),
    { name: 'person', dtype: 'string' as const, required: true, nullable: false },
    { name: 'outcome', dtype: 'integer' as const, required: true, nullable: false },
  ]
  const names = columns.map(({ name }) => name)
  const lines = rows.map((row) => `${JSON.stringify(Object.fromEntries(names.map((name) => [name, row[name]])))}\n`)
  const input = { name: 'outcomes of pairs', target: 'outcome', contract: { columns, target: 'outcome' } }
  const { id } = await createDataset(ctx, input, { filename: 'outcomes.jsonl', stream: Readable.from(lines) })
  return id
}
