import type { Model, ModelType } from '../../contract/models.ts'
import type { Input } from '../../contract/operations/index.ts'
import { fail } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import { isUniqueViolation, json, type Row } from '../../ports/db/index.ts'
import { type Ctx, inLastTransaction, type TxCtx } from '../ctx.ts'
import { checkServingSettings } from './serving-settings.ts'
import { modelDocument } from './store.ts'

export async function createModel(ctx: Ctx, input: Input<'models.create'>): Promise<Model> {
  checkServingSettings(input.metadata)
  try {
    return await inLastTransaction(ctx, 'models.create', async (ctx) =>
      modelDocument({ ...(await insertModel(ctx, input)), versions: [], live: {}, running: [] }),
    )
  } catch (error) {
    throw nameTaken(error, input.name)
  }
}

/** The refusal a person understands in place of the database's; anything else stays what it is. */
export function nameTaken(error: unknown, name: string): unknown {
  if (!isUniqueViolation(error)) return error
  return fail('conflict', 'MODEL_EXISTS', `There is already a model named "${name}"`, { cause: error })
}

export interface NewModel {
  readonly name: string
  readonly type: ModelType
  readonly description?: string | null
  readonly target?: string
  readonly metadata?: Record<string, unknown>
}

export function insertModel(ctx: TxCtx, model: NewModel): Promise<Row<'models'>> {
  const now = ctx.clock.now()
  return ctx.db
    .insertInto('models')
    .values({
      id: newId('model'),
      tenant_id: ctx.caller.tenantId,
      name: model.name,
      description: model.description ?? null,
      type: model.type,
      target: model.target ?? null,
      metadata: json(model.metadata ?? {}),
      created_at: now,
      updated_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
}
