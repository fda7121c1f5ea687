// The figures of a roll-out's present stage: counts of all replicas added up, and live quality from predictions whose outcome
// is known.
import { sql } from 'kysely'
import type { ModelType } from '../../contract/models.ts'
import { addHistograms, type Histogram, type Sample } from '../../ml/statistics/index.ts'
import type { Row, StoredDifference, Tx } from '../../ports/db/index.ts'
import { addDifferences } from '../serving/index.ts'

/** Outcomes of one arm: how many were right, or how far off they were. */
export type ArmQuality =
  | { readonly metric: 'accuracy'; readonly hits: number; readonly of: number }
  | ({ readonly metric: 'mean_absolute_error' } & Sample)

export interface ArmFigures {
  readonly requests: number
  readonly errors: number
  readonly latency: Histogram
  readonly quality: ArmQuality | undefined
}

export interface Figures {
  readonly champion: ArmFigures
  readonly challenger: ArmFigures
  /** Rows of the challenger, one a replica. */
  readonly replicas: readonly Row<'rollout_counts'>[]
  readonly difference: StoredDifference
}

export async function readFigures(tx: Tx, rollout: Row<'rollouts'>, type: ModelType): Promise<Figures> {
  const rows = await tx
    .selectFrom('rollout_counts')
    .selectAll()
    .where('rollout_id', '=', rollout.id)
    .where('stage', '=', rollout.stage)
    .orderBy('replica')
    .execute()
  const quality = await readQuality(tx, rollout, type)
  const of = (arm: 'champion' | 'challenger'): ArmFigures => {
    const own = rows.filter((row) => row.arm === arm)
    return {
      requests: own.reduce((sum, row) => sum + row.requests, 0),
      errors: own.reduce((sum, row) => sum + row.errors, 0),
      latency: addHistograms(own.map((row) => row.latency)),
      quality: quality.get(arm),
    }
  }
  const replicas = rows.filter(({ arm }) => arm === 'challenger')
  const difference = addDifferences(replicas.flatMap((row) => row.difference ?? []))
  return { champion: of('champion'), challenger: of('challenger'), replicas, difference }
}

async function readQuality(tx: Tx, rollout: Row<'rollouts'>, type: ModelType): Promise<Map<string, ArmQuality>> {
  if (rollout.kind === 'shadow') return new Map()
  if (type === 'classification') return readAccuracy(tx, rollout)
  return type === 'regression' ? readErrors(tx, rollout) : new Map()
}

async function readAccuracy(tx: Tx, { id, stage_at }: Row<'rollouts'>): Promise<Map<string, ArmQuality>> {
  // As text on both sides: 1 and "1" name the same class, as they do when the outcome is told.
  const { rows } = await sql<{ arm: string; of: number; hits: number }>`
    select p.arm, count(*)::float8 as of,
      (count(*) filter (where p.output ->> 'prediction' = f.actual #>> '{}'))::float8 as hits
    from predictions p join feedback f on f.prediction_id = p.id
    where p.rollout_id = ${id} and p.created_at >= ${stage_at} group by p.arm`.execute(tx)
  return new Map(rows.map(({ arm, hits, of }) => [arm, { metric: 'accuracy', hits, of }]))
}

async function readErrors(tx: Tx, { id, stage_at }: Row<'rollouts'>): Promise<Map<string, ArmQuality>> {
  const { rows } = await sql<{ arm: string; count: number; mean: number; variance: number }>`
    select arm, count(error)::float8 as count, avg(error) as mean, coalesce(var_samp(error), 0) as variance
    from (
      select p.arm,
        case when jsonb_typeof(p.output -> 'prediction') = 'number' and jsonb_typeof(f.actual) = 'number'
          then abs((p.output ->> 'prediction')::float8 - (f.actual #>> '{}')::float8) end as error
      from predictions p join feedback f on f.prediction_id = p.id
      where p.rollout_id = ${id} and p.created_at >= ${stage_at}
    ) as errors
    where error is not null group by arm`.execute(tx)
  return new Map(rows.map(({ arm, ...sample }) => [arm, { metric: 'mean_absolute_error', ...sample }]))
}
