// What is the job's own in a training: where it learns from, and how. What surrounds it is in run.ts and register.ts.
import type { Ctx } from '../ctx.ts'
import type { ChampionSource } from './champion.ts'
import type { TrainingOutcome } from './pipeline/spec.ts'
import type { PlannedPromotion } from './policy.ts'
import type { ProgressWatch } from './progress.ts'
import type { JobRow } from './store.ts'

export interface Training {
  readonly ctx: Ctx
  readonly row: JobRow
  readonly watch: ProgressWatch
}

export interface Work {
  /** Null: its version is never made live. */
  readonly promotion: PlannedPromotion | null
  /** The name of the dataset, or what else it learns from, in words. */
  readonly learnsFrom: string
  readonly run: (run: WorkRun) => Promise<TrainingOutcome>
}

export interface WorkRun {
  readonly champion: ChampionSource | undefined
  readonly outputDir: string
}
