// A smaller copy of a version, as a version of its own. The caller waits for it: nothing is learned, and what takes time is
// reading the rows it is measured on. What is live when the work begins is what the gate compares with.
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DEFAULT_ENVIRONMENT, type ModelVersion } from '../../../contract/models.ts'
import type { Input } from '../../../contract/operations/index.ts'
import { fail } from '../../../core/failure.ts'
import { entryBeside, runIsolated } from '../../../jobs/isolate.ts'
import { type Ctx, inTransaction, type TxCtx } from '../../ctx.ts'
import { getModelRow, getVersionRow, liveVersion, requireTrained, type TrainedVersion } from '../../models/index.ts'
import type { Champion } from '../pipeline/spec.ts'
import { registerCopy } from './register.ts'
import { planRows, type RowsPlan, type Source } from './rows.ts'
import type { QuantizeOutcome, QuantizeSpec } from './spec.ts'

const LIMIT_MS = 10 * 60_000

export interface CopyPlan extends Source {
  readonly environment: string | null
  /** Undefined: nothing is live there; the source itself may be. */
  readonly champion: TrainedVersion | undefined
  readonly rows: RowsPlan | undefined
}

/**
 * @throws `conflict` VERSION_NOT_TRAINED or VERSION_EXISTS; `invalid` MODEL_ALREADY_QUANTIZED, MODEL_NOT_QUANTIZABLE,
 * MODEL_NOT_MEASURABLE, or when the dataset that was named does not fit.
 */
export async function quantizeVersion(ctx: Ctx, input: Input<'versions.quantize'>): Promise<ModelVersion> {
  const plan = await inTransaction(ctx, (ctx) => planCopy(ctx, input))
  const outputDir = await mkdtemp(join(ctx.settings.tempDir, 'quantize-'))
  try {
    const outcome = await withFiles(ctx, plan, (files) => runChild(ctx, { input, plan, files, outputDir }))
    return await registerCopy(ctx, { input, plan, outcome })
  } finally {
    await rm(outputDir, { recursive: true, force: true })
  }
}

async function planCopy(ctx: TxCtx, input: Input<'versions.quantize'>): Promise<CopyPlan> {
  const model = await getModelRow(ctx, input.model_id)
  const version = requireTrained(await getVersionRow(ctx, model.id, input.version))
  if (input.new_version !== undefined) await refuseTaken(ctx, model.id, input.new_version)
  const promotion = input.promotion ?? {}
  const environment = promotion === false ? null : (promotion.environment ?? DEFAULT_ENVIRONMENT)
  const live = environment === null ? null : await liveVersion(ctx, model.id, environment)
  const champion = live === null ? undefined : requireTrained(await getVersionRow(ctx, model.id, live))
  return { model, version, environment, champion, rows: await planRows(ctx, { model, version }, input) }
}

async function refuseTaken(ctx: TxCtx, modelId: string, version: string): Promise<void> {
  const taken = await ctx.db
    .selectFrom('model_versions')
    .select('version')
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .executeTakeFirst()
  if (taken) throw fail('conflict', 'VERSION_EXISTS', `The model already has a version ${version}`)
}

interface Files {
  readonly source: string
  readonly data?: string
  readonly champion?: string
}

function withFiles<T>(
  { objects, signal }: Ctx,
  { version, champion, rows }: CopyPlan,
  use: (files: Files) => Promise<T>,
) {
  const other = champion && champion.version !== version.version ? champion : undefined
  const withSource = (source: string): Promise<T> => {
    const withData = (data?: string): Promise<T> => {
      const files = { source, ...(data !== undefined && { data }) }
      if (!other || data === undefined) return use(files)
      return objects.localFile(other.artifact_key, (champion) => use({ ...files, champion }), { signal })
    }
    return rows ? objects.localFile(rows.dataset.object_key, withData, { signal }) : withData()
  }
  return objects.localFile(version.artifact_key, withSource, { signal })
}

interface ChildRun {
  readonly input: Input<'versions.quantize'>
  readonly plan: CopyPlan
  readonly files: Files
  readonly outputDir: string
}

function runChild(ctx: Ctx, { input, plan, files, outputDir }: ChildRun): Promise<QuantizeOutcome> {
  const champion = files.champion === undefined ? undefined : fileOf(plan.champion!, files.champion)
  const spec: QuantizeSpec = {
    source: fileOf(plan.version, files.source),
    precision: input.precision ?? 'int8',
    outputDir,
    ...(champion && { champion }),
    ...(plan.rows &&
      files.data !== undefined && { rows: rowsSpec(plan, { dataFile: files.data, outputDir, champion }) }),
  }
  return runIsolated<QuantizeOutcome>({
    entry: entryBeside(import.meta.url, './child'),
    input: spec,
    signal: ctx.signal,
    timeoutMs: Math.min(LIMIT_MS, ctx.settings.trainingTimeoutMs),
    maxMemoryMb: ctx.settings.trainingMemoryMb,
    log: ctx.log,
  })
}

function fileOf({ version, signature }: TrainedVersion, path: string): Champion {
  return { version, path, signature }
}

interface Place {
  readonly dataFile: string
  readonly outputDir: string
  readonly champion: Champion | undefined
}

function rowsSpec({ model, version, rows }: CopyPlan, place: Place): NonNullable<QuantizeSpec['rows']> {
  const { dataset, columns, heldOut, training } = rows!
  const { dataFile, outputDir, champion } = place
  return {
    columns,
    heldOut,
    training: {
      ...training,
      dataFile,
      reading: dataset.reading,
      contract: dataset.contract,
      algorithm: version.algorithm ?? '',
      hyperparameters: {},
      ...(champion && { champion }),
      outputDir,
      modelName: model.name,
      version: version.version,
    },
  }
}
