// The copy becomes a version: files first, then one transaction that makes it visible, decides the gate and makes it live.
import { createReadStream } from 'node:fs'
import type { Lineage, ModelVersion, VersionMetadata } from '../../../contract/models.ts'
import type { Input } from '../../../contract/operations/index.ts'
import type { Quantization } from '../../../contract/quantization.ts'
import { asFailure, fail } from '../../../core/failure.ts'
import { NO_REPORT, type StoredExplanation } from '../../../ml/explain/stored.ts'
import { json } from '../../../ports/db/index.ts'
import type { ObjectBody } from '../../../ports/objects/index.ts'
import { type Ctx, inLastTransaction, type TxCtx } from '../../ctx.ts'
import { emit } from '../../events.ts'
import {
  artifactKey,
  explanationKey,
  getVersionRow,
  liveVersion,
  lockModelRow,
  makeLive,
  metadataKey,
  nextVersion,
  storeVersionFile,
  versionDocument,
} from '../../models/index.ts'
import { decideGate, type GateDecision, gateReport } from '../gate.ts'
import type { ChampionResult } from '../pipeline/spec.ts'
import type { CopyPlan } from './quantize.ts'
import type { Measured, QuantizeOutcome } from './spec.ts'

export interface Copy {
  readonly input: Input<'versions.quantize'>
  readonly plan: CopyPlan
  readonly outcome: QuantizeOutcome
}

/** Under the lock of the model, so that nothing else takes the number or goes live meanwhile. */
export async function registerCopy(ctx: Ctx, copy: Copy): Promise<ModelVersion> {
  const background = await backgroundOf(ctx, copy.plan)
  return inLastTransaction(ctx, 'versions.quantize', async (ctx) => {
    const { plan, outcome } = copy
    const model = await lockModelRow(ctx, plan.model.id)
    const version = await numberOf(ctx, model.id, copy.input.new_version)
    const verdict = await decide(ctx, copy)
    const metadata = metadataOf(ctx, copy, `${model.id}:${version}`)
    const place = [model.tenant_id, model.id, version] as const
    const stillMine = () => lockModelRow(ctx, model.id)
    const store = (key: string, body: () => ObjectBody) => storeVersionFile(ctx.objects, { key, body, stillMine })
    const stored = await store(artifactKey(...place), () => createReadStream(outcome.artifact.path))
    if (stored.sha256 !== outcome.artifact.sha256) {
      throw fail('unavailable', 'ARTIFACT_DAMAGED', 'The model file changed on its way into the artefact store')
    }
    await store(metadataKey(...place), () => Buffer.from(JSON.stringify(metadata, null, 2)))
    if (background) await store(explanationKey(...place), () => Buffer.from(JSON.stringify(background)))
    await insertVersion(ctx, copy, { version, verdict, metadata })
    const { quantization, measured } = outcome
    const data = { model_id: model.id, version, metrics: 'metrics' in measured ? measured.metrics : {} }
    await emit(ctx, {
      type: 'ml.model.trained',
      subject: model.id,
      data: { ...data, quantized_from: quantization.from_version, precision: quantization.precision },
    })
    if (verdict.gate?.promote && plan.environment !== null) {
      const { reason } = verdict.gate
      await makeLive(ctx, model, { version, environment: plan.environment, action: 'promote', reason })
    } else if (verdict.rejected) {
      const rejected = { model_id: model.id, model_name: model.name, version, reason: verdict.gate?.reason ?? '' }
      await emit(ctx, { type: 'ml.model.rejected', subject: model.id, data: rejected })
    }
    return versionDocument(await getVersionRow(ctx, model.id, version))
  })
}

async function numberOf(ctx: TxCtx, modelId: string, asked: string | undefined): Promise<string> {
  const rows = await ctx.db.selectFrom('model_versions').select('version').where('model_id', '=', modelId).execute()
  const taken = rows.map((row) => row.version)
  if (asked === undefined) return nextVersion(taken)
  if (taken.includes(asked)) throw fail('conflict', 'VERSION_EXISTS', `The model already has a version ${asked}`)
  return asked
}

interface Verdict {
  /** Null where promotion was switched off. */
  readonly gate: GateDecision | null
  /** It lost a comparison; what could not be compared is kept as trained. */
  readonly rejected: boolean
  readonly champion?: ChampionResult
}

async function decide(ctx: TxCtx, { plan, outcome, input }: Copy): Promise<Verdict> {
  const { environment } = plan
  if (environment === null) return { gate: null, rejected: false }
  const { measured } = outcome
  const not = (reason: string): Verdict => ({ gate: { promote: false, reason }, rejected: false })
  if ('unmeasured' in measured) return not(measured.unmeasured)
  const live = await liveVersion(ctx, plan.model.id, environment)
  if (live === null) return not(`nothing is live in "${environment}" that it could replace`)
  if (live !== plan.champion?.version) return not(`what is live in "${environment}" changed while it was measured`)
  const champion = measured.champion ?? { version: live, value: measured.before }
  const { max_loss = 0 } = input.promotion || {}
  const gate = decideGate(measured.gateMetric, champion, { min_improvement: 0, max_loss })
  return { gate, rejected: !gate.promote, champion }
}

function metadataOf(ctx: TxCtx, { plan, outcome }: Copy, id: string): VersionMetadata {
  const { measured } = outcome
  const source = plan.version.metadata
  if (!source) throw fail('internal', 'METADATA_MISSING', `Version ${plan.version.version} has no metadata`)
  const metric = 'metrics' in measured ? { name: measured.gateMetric.name, value: measured.gateMetric.value } : null
  return {
    ...source,
    model_version_id: id,
    metric: metric ?? { name: source.metric.name, value: null },
    trained_at: ctx.clock.now().toISOString(),
  }
}

interface NewVersion {
  readonly version: string
  readonly verdict: Verdict
  readonly metadata: VersionMetadata
}

async function insertVersion(ctx: TxCtx, copy: Copy, { version, verdict, metadata }: NewVersion): Promise<void> {
  const { plan, outcome } = copy
  const { version: source, model } = plan
  const { measured } = outcome
  const { gate } = verdict
  const lineage: Lineage = {
    ...source.lineage,
    parent_version: source.version,
    code_version: ctx.settings.codeVersion,
    environment: outcome.environment,
  }
  await ctx.db
    .insertInto('model_versions')
    .values({
      model_id: model.id,
      version,
      tenant_id: model.tenant_id,
      status: verdict.rejected ? 'rejected' : 'trained',
      algorithm: source.algorithm,
      trusted: source.trusted,
      hyperparameters: json(source.hyperparameters),
      metrics: json('metrics' in measured ? measured.metrics : {}),
      evaluation: json({
        ...('metrics' in measured && evaluationOf(measured, verdict)),
        quantization: quantizationOf(copy, gate),
      }),
      artifact_key: artifactKey(model.tenant_id, model.id, version),
      artifact_sha256: outcome.artifact.sha256,
      artifact_bytes: outcome.artifact.bytes,
      signature: json(source.signature),
      lineage: json(lineage),
      metadata: json(metadata),
      trained_at: metadata.trained_at,
      ...(verdict.rejected && { error: json({ code: 'NOT_BETTER', message: gate?.reason ?? '' }) }),
    })
    .execute()
}

function quantizationOf({ outcome }: Copy, gate: GateDecision | null): Quantization {
  const { quantization, measured } = outcome
  const metric =
    'metrics' in measured
      ? { name: measured.gateMetric.name, before: measured.before, after: measured.gateMetric.value }
      : null
  return { ...quantization, metric, gate }
}

/** What a training would have kept; nothing where all rows of a dataset were used, since none were held out. */
function evaluationOf({ evaluation, gateMetric }: Measured, { gate, champion }: Verdict) {
  if (!evaluation) return {}
  const decision = gate ?? { promote: false, reason: 'promotion was switched off' }
  return { ...evaluation, gate: gateReport(decision, gateMetric, champion), warnings: [] }
}

/** Explanations compare with the same rows; figures of the source as a whole are not those of the copy. */
async function backgroundOf(ctx: Ctx, { version }: CopyPlan): Promise<StoredExplanation | undefined> {
  const chunks: Uint8Array[] = []
  try {
    const key = explanationKey(version.tenant_id, version.model_id, version.version)
    for await (const chunk of await ctx.objects.get(key)) chunks.push(chunk as Uint8Array)
  } catch (error) {
    if (asFailure(error).kind === 'not_found') return undefined
    throw error
  }
  const { background } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as StoredExplanation
  return { schema_version: 1, background, report: NO_REPORT }
}
