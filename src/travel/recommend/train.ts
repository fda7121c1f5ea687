// Training recommendations: what was recorded goes to a child process, which chooses and fits; the version it makes is gated
// against popularity, and against the live version where users have done enough since that one was trained.
import { DEFAULT_ENVIRONMENT } from '../../contract/models.ts'
import { getArtifact, getVersion, registerMade } from '../../domain/models/index.ts'
import type { ServingCtx } from '../../domain/serving/index.ts'
import { entryBeside, runIsolated } from '../../jobs/isolate.ts'
import { type Trainer, tooLittle } from '../trainer.ts'
import type { ChampionFile } from './champion.ts'
import type { FitInput, FitResult } from './fit.ts'
import { RECOMMEND_MODEL } from './question.ts'
import { readRecorded } from './recorded.ts'

const MIN_EVENTS = 20
const MIN_DESTINATIONS = 2

export const trainRecommend: Trainer = async (ctx, { seed }) => {
  const recorded = await readRecorded(ctx, seed)
  const examples = recorded.data.feedback.items.length
  if (examples < MIN_EVENTS) throw tooLittle(examples, `${MIN_EVENTS} interactions with destinations`)
  const { length } = recorded.itemIds
  if (length < MIN_DESTINATIONS) throw tooLittle(length, `${MIN_DESTINATIONS} destinations`)
  const champion = await liveFile(ctx)
  const result = await runIsolated<FitResult>({
    entry: entryBeside(import.meta.url, './fit'),
    input: { recorded, champion } satisfies FitInput,
    signal: ctx.signal,
    timeoutMs: ctx.settings.trainingTimeoutMs,
    maxMemoryMb: ctx.settings.trainingMemoryMb,
    log: ctx.log,
  })
  const { winner } = result.choice
  const verdict = judge(result)
  const metrics = metricsOf(result)
  const { modelId, version, promoted } = await registerMade(ctx, {
    name: RECOMMEND_MODEL,
    type: 'recommendation',
    file: result.file,
    algorithm: winner.method,
    hyperparameters: winner.settings,
    metrics,
    seed,
    champion: champion?.version ?? null,
    verdict,
  })
  await ctx.serving.live.refresh().catch((error: unknown) => {
    ctx.log.warn({ err: error }, 'the version is registered, but this replica has not followed it yet')
  })
  return {
    model_id: modelId,
    model_name: RECOMMEND_MODEL,
    version,
    status: promoted ? 'deployed' : 'rejected',
    job_id: null,
    examples,
    metrics,
    message: `Version ${version} (${winner.method}) ${promoted ? 'is live' : 'was not promoted'}: ${verdict.reason}`,
  }
}

function metricsOf({ choice, champion }: FitResult): Record<string, number> {
  const { winner, floor, rmse } = choice
  return {
    ndcg_at_10: winner.metrics.ndcg,
    recall_at_10: winner.metrics.recall,
    coverage: winner.metrics.coverage,
    popularity_ndcg_at_10: floor.metrics.ndcg,
    evaluated_users: winner.metrics.users,
    ...(rmse !== undefined && { rating_rmse: rmse }),
    ...(champion?.metrics && { champion_ndcg_at_10: champion.metrics.ndcg }),
  }
}

function judge({ choice, champion }: FitResult): { readonly promote: boolean; readonly reason: string } {
  const own = choice.winner.metrics.ndcg
  const figure = `NDCG@10 ${shown(own)} for what ${choice.winner.metrics.users} users did later`
  if (!champion) return { promote: true, reason: `first version, ${figure}` }
  if (!champion.metrics || champion.metrics.users === 0) {
    const reason = `too little happened since ${champion.version} was trained to compare the two; ${figure}`
    return { promote: own >= choice.floor.metrics.ndcg, reason }
  }
  const against = `${figure}, against ${shown(champion.metrics.ndcg)} of ${champion.version}`
  if (own > champion.metrics.ndcg) return { promote: true, reason: against }
  return { promote: false, reason: `not better: ${against}` }
}

function shown(value: number): string {
  return value.toPrecision(4)
}

async function liveFile(ctx: ServingCtx): Promise<ChampionFile | undefined> {
  await ctx.serving.live.refresh()
  const live = ctx.serving.live.find(ctx.caller.tenantId, RECOMMEND_MODEL, DEFAULT_ENVIRONMENT)
  if (!live) return undefined
  const { modelId: model_id, version } = live.record
  const { trained_at } = await getVersion(ctx, { model_id, version })
  const { stream } = await getArtifact(ctx, { model_id, version })
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk as Uint8Array)
  return { version, file: new Uint8Array(Buffer.concat(chunks)), trainedAtMs: Date.parse(trained_at ?? '') || 0 }
}
