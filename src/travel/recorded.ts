// The interactions of a tenant, all of one kind, a page at a time: what the travel services learn from.
import type { Output } from '../contract/operations/index.ts'
import type { Ctx } from '../domain/ctx.ts'
import { listInteractions } from '../domain/features/index.ts'

export type Recorded = Output<'interactions.list'>['items'][number]

const PAGE = 500

/** Last recorded first. */
export async function* recordedPages(ctx: Ctx, event: string): AsyncGenerator<readonly Recorded[]> {
  let cursor: string | null = null
  do {
    ctx.signal.throwIfAborted()
    const page: Output<'interactions.list'> = await listInteractions(ctx, {
      event,
      limit: PAGE,
      ...(cursor !== null && { cursor }),
    })
    if (page.items.length > 0) yield page.items
    cursor = page.next_cursor
  } while (cursor !== null)
}
