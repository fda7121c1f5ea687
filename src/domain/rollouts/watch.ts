// Watches roll-outs and ends them: back when a limit is broken or the version does not load, forward when it has baked. Any
// replica may do it; the one that claims a roll-out for this second does. The change is made under the lock of the model's
// row and only in the stage that was judged, so that a slow judge cannot undo what somebody has just decided.
import { asFailure } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import type { Row } from '../../ports/db/index.ts'
import { inTransaction, type Services, serviceCtx, type TxCtx } from '../ctx.ts'
import { DEFAULT_LIMITS, endRollout, lockModelRow, makeLive } from '../models/index.ts'
import type { Serving } from '../serving/index.ts'
import { type Figures, readFigures } from './figures.ts'
import { findBreach, isBaked } from './judge.ts'

const JUDGE_EVERY_MS = 900
/** Share of its time that a judge may spend on one roll-out: with many outcomes the figures take a while to add up. */
const BUSY_SHARE = 0.05
/** What is wrong with the store may pass; this long it is waited for. */
const LOAD_PATIENCE_MS = 60_000

export class RolloutWatch {
  readonly #services: Services
  readonly #serving: Serving
  readonly #notBefore = new Map<string, number>()

  constructor(services: Services, serving: Serving) {
    this.#services = services
    this.#serving = serving
  }

  /** Judges what is due. Without a roll-out in memory it asks the database nothing. */
  async look(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#services
    const rollouts = this.#serving.live.rollouts
    for (const id of this.#notBefore.keys()) {
      if (!rollouts.some(({ row }) => row.id === id)) this.#notBefore.delete(id)
    }
    for (const { row } of rollouts) {
      const started = clock.elapsedMs()
      if (signal.aborted || started < (this.#notBefore.get(row.id) ?? 0)) continue
      try {
        const claimed = await this.#claim(row.id)
        if (claimed) await this.#judge(claimed, signal)
      } catch (error) {
        if (asFailure(error).kind === 'unavailable') throw error
        log.error({ err: error, rollout: row.id }, 'a roll-out could not be judged')
      }
      this.#notBefore.set(row.id, clock.elapsedMs() + (clock.elapsedMs() - started) / BUSY_SHARE)
    }
  }

  /** Conditional on nobody having claimed it within the last second; the row that comes back is this replica's to judge. */
  #claim(id: string): Promise<Row<'rollouts'> | undefined> {
    const now = this.#services.clock.now()
    const before = new Date(now.getTime() - JUDGE_EVERY_MS)
    return this.#services.db.system((tx) =>
      tx
        .updateTable('rollouts')
        .set({ judged_at: now })
        .where('id', '=', id)
        .where('state', '=', 'running')
        .where((eb) => eb.or([eb('judged_at', 'is', null), eb('judged_at', '<=', before)]))
        // A shadow has no limits, and a canary that has baked is on its own: both are watched only until they are loaded.
        .where((eb) =>
          eb.or([eb('ready_at', 'is', null), eb.and([eb('kind', '=', 'canary'), eb('baked_at', 'is', null)])]),
        )
        .returningAll()
        .executeTakeFirst(),
    )
  }

  async #judge(rollout: Row<'rollouts'>, signal: AbortSignal): Promise<void> {
    const ctx = serviceCtx(this.#services, rollout.tenant_id, signal, newId('req'))
    const figures = await inTransaction(ctx, async ({ db }) => {
      const model = await db
        .selectFrom('models')
        .select('type')
        .where('id', '=', rollout.model_id)
        .executeTakeFirstOrThrow()
      return readFigures(db, rollout, model.type)
    })
    const verdict = decide(rollout, figures, ctx.clock.now())
    if (verdict.kind === 'wait') return
    await inTransaction(ctx, (ctx) => this.#act(ctx, rollout, verdict))
    const note = { rollout: rollout.id, model: rollout.model_id, version: rollout.challenger_version }
    if (verdict.kind === 'back') this.#services.log.warn({ ...note, reason: verdict.reason }, 'rolled back by itself')
  }

  async #act(ctx: TxCtx, judged: Row<'rollouts'>, verdict: Exclude<Verdict, { kind: 'wait' }>): Promise<void> {
    const model = await lockModelRow(ctx, judged.model_id)
    const rollout = await ctx.db
      .selectFrom('rollouts')
      .selectAll()
      .where('id', '=', judged.id)
      .where('state', '=', 'running')
      .where('stage', '=', judged.stage)
      .executeTakeFirst()
    if (!rollout) return
    const { challenger_version: version, environment } = rollout
    const mark = (set: { ready_at?: Date; baked_at?: Date }) =>
      ctx.db.updateTable('rollouts').set(set).where('id', '=', rollout.id).execute()
    if (verdict.kind === 'ready') await mark({ ready_at: ctx.clock.now() })
    else if (verdict.kind === 'back') await endRollout(ctx, model, { rollout, reason: verdict.reason, automatic: true })
    else {
      await mark({ baked_at: ctx.clock.now() })
      if (rollout.strategy.auto_promote !== true) return
      await makeLive(ctx, model, { version, environment, action: 'promote', reason: verdict.reason })
    }
  }
}

export type Verdict =
  | { readonly kind: 'wait' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'back'; readonly reason: string }
  | { readonly kind: 'baked'; readonly reason: string }

function decide(rollout: Row<'rollouts'>, figures: Figures, now: Date): Verdict {
  const { ready_at, stage_at, strategy } = rollout
  if (ready_at === null) return firstLoad(rollout, figures, now)
  const { limits, bake_seconds = 0 } = strategy
  const breach = bake_seconds > 0 ? findBreach(figures, limits) : undefined
  if (breach !== undefined) return { kind: 'back', reason: `automatic: ${breach}` }
  const minRequests = limits?.min_requests ?? DEFAULT_LIMITS.min_requests
  const { requests } = figures.challenger
  if (rollout.kind !== 'canary') return { kind: 'wait' }
  if (!isBaked({ readyAt: ready_at, stageAt: stage_at, bakeSeconds: bake_seconds, minRequests }, requests, now)) {
    return { kind: 'wait' }
  }
  return { kind: 'baked', reason: `automatic: ${requests} requests in ${bake_seconds} s broke no limit` }
}

function firstLoad({ stage_at, challenger_version }: Row<'rollouts'>, { replicas }: Figures, now: Date): Verdict {
  if (replicas.some(({ ready }) => ready)) return { kind: 'ready' }
  const errors = replicas.flatMap((row) => row.load_error ?? [])
  const error = errors.find(({ permanent }) => permanent) ?? errors[0]
  const patient = now.getTime() - stage_at.getTime() < LOAD_PATIENCE_MS
  if (!error || (!error.permanent && patient)) return { kind: 'wait' }
  return { kind: 'back', reason: `automatic: ${challenger_version} does not load: ${error.message}` }
}
