// The version a new one has to beat: what is live in the environment of the gate.

import type { EvaluationSplit } from '../../contract/evaluation.ts'
import type { Signature } from '../../contract/models.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { getVersionRow, liveVersion, requireTrained } from '../models/index.ts'
import type { LearnedFrom } from './familiar.ts'
import type { PlannedPromotion } from './policy.ts'
import type { JobRow } from './store.ts'

export interface ChampionSource {
  readonly version: string
  readonly artifactKey: string
  readonly signature: Signature
  readonly learned: LearnedFrom
  /** Milliseconds since 1970. */
  readonly trainedAtMs: number
}

export function findChampion(
  ctx: Ctx,
  job: JobRow,
  promotion: PlannedPromotion | null,
): Promise<ChampionSource | undefined> {
  return inTransaction(ctx, async (ctx) => {
    const version = await championVersion(ctx, job, promotion)
    if (version === null) return undefined
    const row = requireTrained(await getVersionRow(ctx, job.model_id, version))
    const learned = { dataset_id: row.lineage.dataset_id, split: row.evaluation?.split as EvaluationSplit | undefined }
    const trainedAtMs = row.trained_at?.getTime() ?? 0
    return { version, artifactKey: row.artifact_key, signature: row.signature, learned, trainedAtMs }
  })
}

/** Null where there is no gate or nothing to beat. */
export function championVersion(ctx: TxCtx, job: JobRow, promotion: PlannedPromotion | null): Promise<string | null> {
  return promotion ? liveVersion(ctx, job.model_id, promotion.environment) : Promise.resolve(null)
}
