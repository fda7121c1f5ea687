// Training send-time on all recorded interactions: collected here, fitted in a child process, judged beside the live version on
// the same users, and registered as a version like any other.
import { buffer } from 'node:stream/consumers'
import { DEFAULT_ENVIRONMENT } from '../../contract/models.ts'
import { eachEntity, eachInteraction } from '../../domain/features/index.ts'
import { getArtifact, registerMade } from '../../domain/models/index.ts'
import type { ServingCtx } from '../../domain/serving/index.ts'
import { entryBeside, runIsolated } from '../../jobs/isolate.ts'
import { type Trainer, tooLittle } from '../trainer.ts'
import type { FitInput, FitOutput, RecordedUser } from './child.ts'
import { NOTIFY_MODEL } from './model.ts'
import { type Seen, summarise } from './profile.ts'

const MIN_USERS = 20
const MIN_HOURS = 3
/** More say nothing new about everybody; the first by id are as good as any. */
const MOST_USERS = 50_000
const SEEN_A_USER = 500

export const trainNotify: Trainer = async (ctx, { seed }) => {
  const users = await readUsers(ctx)
  const judgeable = users.filter(({ activeMs }) => activeMs.length >= MIN_HOURS).length
  if (judgeable < MIN_USERS) throw tooLittle(judgeable, `${MIN_USERS} users with ${MIN_HOURS} active hours or more`)
  const live = ctx.serving.live.find(ctx.caller.tenantId, NOTIFY_MODEL, DEFAULT_ENVIRONMENT)?.record ?? null
  const champion = live && (await fileOf(ctx, live))
  const fitted = await runIsolated<FitOutput>({
    entry: entryBeside(import.meta.url, './child'),
    input: { users, champion } satisfies FitInput,
    signal: ctx.signal,
    timeoutMs: ctx.settings.trainingTimeoutMs,
    maxMemoryMb: ctx.settings.trainingMemoryMb,
    log: ctx.log,
  })
  const verdict = verdictOf(fitted, live?.version ?? null)
  const metrics = { ...fitted.figures }
  const made = await registerMade(ctx, {
    name: NOTIFY_MODEL,
    type: 'custom',
    file: fitted.file,
    algorithm: 'shrunken_weekly_rhythm',
    hyperparameters: fitted.settings,
    metrics,
    seed,
    champion: live?.version ?? null,
    verdict,
  })
  await ctx.serving.live.refresh()
  const { modelId: model_id, version, promoted } = made
  return {
    model_id,
    model_name: NOTIFY_MODEL,
    version,
    status: promoted ? 'deployed' : 'rejected',
    job_id: null,
    examples: users.reduce((sum, { activeMs }) => sum + activeMs.length, 0),
    metrics,
    message: `Version ${version} ${promoted ? 'is live' : 'was not promoted'}: ${verdict.reason}`,
  }
}

/** Every user with at least one active hour. */
async function readUsers(ctx: ServingCtx): Promise<RecordedUser[]> {
  const seen = new Map<string, Seen[]>()
  for await (const page of eachInteraction(ctx)) {
    for (const { userId, ...one } of page) {
      const known = seen.get(userId)
      if (known) {
        known.push(one)
        if (known.length > SEEN_A_USER) known.shift()
      } else if (seen.size < MOST_USERS) seen.set(userId, [one])
    }
  }
  const said = new Map<string, { zone: string; segment: string }>()
  for await (const page of eachEntity(ctx, 'user')) {
    for (const { entity_id, features } of page) {
      const { timezone, segment } = features
      if (!seen.has(entity_id)) continue
      said.set(entity_id, { zone: textOf(timezone), segment: textOf(segment) })
    }
  }
  return [...seen].flatMap(([userId, interactions]) => {
    const { activeMs, opens, sends } = summarise(interactions)
    const { zone, segment } = said.get(userId) ?? { zone: '', segment: '' }
    if (activeMs.length === 0) return []
    return [{ activeMs: Float64Array.from(activeMs).reverse(), zone, segment, opens, sends }]
  })
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

async function fileOf(ctx: ServingCtx, { modelId, version }: { modelId: string; version: string }) {
  const { stream } = await getArtifact(ctx, { model_id: modelId, version })
  return new Uint8Array(await buffer(stream))
}

function verdictOf({ figures, champion, judged }: FitOutput, version: string | null) {
  const users = `on the last active hour of ${judged} users`
  if (version === null) return { promote: true, reason: 'first version' }
  if (!champion) return { promote: false, reason: `cannot be compared with ${version}, which answers something else` }
  const promote = figures.log_loss < champion.log_loss
  const words = `log_loss ${figures.log_loss.toPrecision(5)} against ${champion.log_loss.toPrecision(5)} of ${version}, ${users}`
  return { promote, reason: promote ? words : `not better: ${words}` }
}
