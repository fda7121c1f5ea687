// Recorded outcomes of pairs as training rows: the pair features as they were known at the moment of the outcome, never later.

import { asFailure } from '../../core/failure.ts'
import type { Ctx } from '../../domain/ctx.ts'
import { featuresAt } from '../../domain/features/index.ts'
import type { Known } from '../known.ts'
import { type Recorded, recordedPages } from '../recorded.ts'
import { recallJourney } from './journey.ts'
import { pairOf } from './pair.ts'
import { personOf } from './person.ts'

/** Event → whether the two went together; undefined: its `value` says so, 1 or 0. */
const OUTCOME_EVENTS: Readonly<Record<string, boolean | undefined>> = {
  match_accepted: true,
  match_declined: false,
  match_outcome: undefined,
}

export interface Outcomes {
  readonly rows: readonly (Readonly<Record<string, number | string | null>> & { readonly outcome: 0 | 1 })[]
  /** Groups of rows that share a person. */
  readonly groups: number
}

/** Rows of pair features with `outcome`, and `person`: the one of the two whose id is smaller, so that a pair stays together. */
export async function readOutcomes(ctx: Ctx): Promise<Outcomes> {
  const rows: Outcomes['rows'][number][] = []
  const persons = new Set<string>()
  for (const event of Object.keys(OUTCOME_EVENTS)) {
    for await (const page of recordedPages(ctx, event)) {
      const found = page.flatMap((recorded) => outcomeOf(recorded) ?? [])
      const known = await knownThen(ctx, found)
      for (const [index, { outcome, a, b, recorded }] of found.entries()) {
        const { first, second, destination } = known[index]!
        const journey = recallJourney(recorded.context, destination)
        const [person = a] = [a, b].sort()
        persons.add(person)
        rows.push({ ...pairOf(personOf(first), personOf(second), journey), person, outcome })
      }
    }
  }
  return { rows, groups: persons.size }
}

interface Outcome {
  readonly recorded: Recorded
  readonly a: string
  readonly b: string
  readonly destination: string | undefined
  readonly outcome: 0 | 1
}

function outcomeOf(recorded: Recorded): Outcome | undefined {
  const { user_id: a, item_id: b, value, event, context } = recorded
  if (b === undefined || a === b) return undefined
  const said = OUTCOME_EVENTS[event] ?? (value === 1 ? true : value === 0 ? false : undefined)
  if (said === undefined) return undefined
  const place = context?.destination
  return { recorded, a, b, destination: typeof place === 'string' ? place : undefined, outcome: said ? 1 : 0 }
}

interface KnownThen {
  readonly first: Known
  readonly second: Known
  readonly destination: Known | undefined
}

async function knownThen(ctx: Ctx, outcomes: readonly Outcome[]): Promise<KnownThen[]> {
  const moment = (entityId: string, { recorded }: Outcome) => ({ entityId, at: new Date(recorded.at) })
  const users = await featuresAt(ctx, 'user', [
    ...outcomes.map((outcome) => moment(outcome.a, outcome)),
    ...outcomes.map((outcome) => moment(outcome.b, outcome)),
  ])
  const journeys = outcomes.filter(({ destination }) => destination !== undefined)
  const places = new Map<Outcome, Known>()
  if (journeys.length > 0) {
    const found = await destinationsAt(
      ctx,
      journeys.map((outcome) => moment(outcome.destination!, outcome)),
    )
    for (const [index, outcome] of journeys.entries()) places.set(outcome, found[index]!)
  }
  return outcomes.map((outcome, index) => ({
    first: users[index]!,
    second: users[outcomes.length + index]!,
    destination: places.get(outcome),
  }))
}

/** A tenant without destinations still has pairs. */
async function destinationsAt(ctx: Ctx, moments: Parameters<typeof featuresAt>[2]): Promise<Known[]> {
  try {
    return await featuresAt(ctx, 'destination', moments)
  } catch (error) {
    if (asFailure(error).kind === 'not_found') return moments.map(() => ({}))
    throw error
  }
}
