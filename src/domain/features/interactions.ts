// What users did. An interaction that carries an id of the caller's is recorded once, however often it is sent.
import type { Interaction } from '../../contract/features.ts'
import type { Input, Output } from '../../contract/operations/index.ts'
import { type FieldError, invalid } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import { mapInTurns } from '../../core/turns.ts'
import { json, type NewRow, type Row } from '../../ports/db/index.ts'
import { type Ctx, inLastTransaction, inTransaction } from '../ctx.ts'
import { pageBySeq } from '../paging.ts'
import { momentOf } from './policy.ts'
import { markRecorded } from './summaries.ts'

const ROWS_A_WRITE = 1000

export async function recordInteractions(
  ctx: Ctx,
  { interactions }: Input<'interactions.record'>,
): Promise<Output<'interactions.record'>> {
  const rows = await rowsOf(ctx, interactions)
  const reply = await inLastTransaction(ctx, 'interactions.record', async (ctx) => {
    let count = 0
    for (let from = 0; from < rows.length; from += ROWS_A_WRITE) {
      const { numInsertedOrUpdatedRows } = await ctx.db
        .insertInto('interactions')
        .values(rows.slice(from, from + ROWS_A_WRITE))
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst()
      count += Number(numInsertedOrUpdatedRows)
    }
    return { recorded: count, known: rows.length - count }
  })
  await markRecorded(
    ctx,
    rows.flatMap(({ user_id, item_id }) => (item_id ? [user_id, item_id] : [user_id])),
  )
  return reply
}

/** @throws `invalid` with every faulty moment. */
async function rowsOf({ caller, clock }: Ctx, interactions: readonly Interaction[]): Promise<NewRow<'interactions'>[]> {
  const nowMs = clock.now().getTime()
  const errors: FieldError[] = []
  const rows = await mapInTurns(interactions, { atATime: ROWS_A_WRITE }, (given, index): NewRow<'interactions'> => {
    const at = momentOf(given.at, `interactions.${index}.at`, nowMs)
    if (typeof at !== 'number') errors.push(at)
    return {
      tenant_id: caller.tenantId,
      id: given.id ?? newId('interaction'),
      user_id: given.user_id,
      item_id: given.item_id ?? null,
      event: given.event,
      at: new Date(typeof at === 'number' ? at : nowMs),
      channel: given.channel ?? null,
      value: given.value ?? null,
      context: given.context ? json(given.context) : null,
    }
  })
  if (errors.length > 0) throw invalid('interactions', errors)
  return rows
}

export function listInteractions(ctx: Ctx, input: Input<'interactions.list'>): Promise<Output<'interactions.list'>> {
  return inTransaction(ctx, async (ctx) => {
    let find = ctx.db.selectFrom('interactions').selectAll()
    if (input.user !== undefined) find = find.where('user_id', '=', input.user)
    if (input.event !== undefined) find = find.where('event', '=', input.event)
    return await pageBySeq(find, input, interactionDocument)
  })
}

function interactionDocument(row: Row<'interactions'>): Output<'interactions.list'>['items'][number] {
  const { id, user_id, item_id, event, at, channel, value, context } = row
  return {
    id,
    user_id,
    event,
    at: at.toISOString(),
    ...(item_id !== null && { item_id }),
    ...(channel !== null && { channel }),
    ...(value !== null && { value }),
    ...(context && { context }),
  }
}
