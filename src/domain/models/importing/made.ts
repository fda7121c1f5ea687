// A version that something other than the training pipeline has fitted here: its file goes the way of an import (read, tried
// out, stored), and it says itself how it was made and whether it may take over.
import { Readable } from 'node:stream'
import { sql } from 'kysely'
import { DEFAULT_ENVIRONMENT, type ModelType } from '../../../contract/models.ts'
import { fail } from '../../../core/failure.ts'
import { isUniqueViolation, json, type Row } from '../../../ports/db/index.ts'
import { type Ctx, inTransaction, type TxCtx } from '../../ctx.ts'
import { emit } from '../../events.ts'
import { insertModel } from '../create.ts'
import { liveVersion, makeLive } from '../live.ts'
import { lockModelRow } from '../store.ts'
import { importVersion } from './import.ts'

export interface MadeVersion {
  /** Name of the model; it is made where there is none. */
  readonly name: string
  readonly type: ModelType
  readonly file: Uint8Array
  readonly algorithm: string
  readonly hyperparameters: Readonly<Record<string, unknown>>
  /** The first is the one it was judged by. */
  readonly metrics: Readonly<Record<string, number>>
  readonly seed: number
  /** The version it was compared with; null where none was live. */
  readonly champion: string | null
  readonly verdict: { readonly promote: boolean; readonly reason: string }
}

export interface RegisteredVersion {
  readonly modelId: string
  readonly version: string
  readonly promoted: boolean
}

/** @throws `conflict` MODEL_TYPE_MISMATCH, or CHAMPION_CHANGED when another version went live meanwhile. */
export async function registerMade(ctx: Ctx, made: MadeVersion): Promise<RegisteredVersion> {
  const { id } = await modelFor(ctx, made)
  const stream = Readable.from([made.file])
  const input = { model_id: id, metrics: { ...made.metrics }, trusted: true }
  const { version } = await importVersion(ctx, input, { filename: `${made.name}.onnx`, stream })
  await inTransaction(ctx, (ctx) => judge(ctx, made, { id, version }))
  return { modelId: id, version, promoted: made.verdict.promote }
}

async function modelFor(ctx: Ctx, { name, type }: MadeVersion): Promise<Row<'models'>> {
  const find = () =>
    inTransaction(ctx, (ctx) => ctx.db.selectFrom('models').selectAll().where('name', '=', name).executeTakeFirst())
  const known = await find()
  const model = known ?? (await inTransaction(ctx, (ctx) => insertModel(ctx, { name, type })).catch(otherWasFaster))
  const found = model ?? (await find())
  if (found?.type === type) return found
  throw fail('conflict', 'MODEL_TYPE_MISMATCH', `"${name}" is a ${found?.type} model, and a ${type} is to be made`)
}

function otherWasFaster(error: unknown): undefined {
  if (!isUniqueViolation(error, 'models_name')) throw error
  return undefined
}

async function judge(ctx: TxCtx, made: MadeVersion, { id, version }: { id: string; version: string }): Promise<void> {
  const { algorithm, hyperparameters, seed, champion, verdict } = made
  const model = await lockModelRow(ctx, id)
  if ((await liveVersion(ctx, id, DEFAULT_ENVIRONMENT)) !== champion) {
    throw fail('conflict', 'CHAMPION_CHANGED', `Another version of "${model.name}" went live meanwhile; train again`)
  }
  const of = () => ctx.db.updateTable('model_versions').where('model_id', '=', id).where('version', '=', version)
  await of()
    .set({
      algorithm,
      hyperparameters: json(hyperparameters),
      lineage: sql`lineage || ${json({ parent_version: champion, seed, environment: {} })}`,
    })
    .execute()
  if (verdict.promote) {
    const change = { version, environment: DEFAULT_ENVIRONMENT, reason: verdict.reason }
    await makeLive(ctx, model, { ...change, action: 'promote' })
    return
  }
  await of()
    .set({ status: 'rejected', error: json({ code: 'NOT_BETTER', message: verdict.reason }) })
    .execute()
  const data = { model_id: id, model_name: model.name, version, reason: verdict.reason }
  await emit(ctx, { type: 'ml.model.rejected', subject: id, data })
}
