// Recorded outcomes of pairs as training rows: the pair features as they were known at the moment of the outcome, never later.
import { asFailure } from '../../core/failure.ts'
import type { Ctx } from '../../domain/ctx.ts'
import { featuresAt } from '../../domain/features/index.ts'
import type { Known } from '../known.ts'
import { type Recorded, recordedPages } from '../recorded.ts'
import { recallJourney } from './journey.ts'
import { OUTCOME_EVENTS, opinionFeatures, outcomeSaid, Tallies } from './opinions.ts'
import { type Pair, pairOf } from './pair.ts'
import { personOf } from './person.ts'

export interface Outcomes {
  readonly rows: readonly (Readonly<Record<string, number | string | null>> & { readonly outcome: 0 | 1 })[]
  /** Groups of rows that share a person. */
  readonly groups: number
}

/** Rows of pair features with `outcome`, and `person`: the one of the two whose id is smaller, so that a pair stays together. */
export async function readOutcomes(ctx: Ctx): Promise<Outcomes> {
  const outcomes: Outcome[] = []
  for (const event of Object.keys(OUTCOME_EVENTS)) {
    for await (const page of recordedPages(ctx, event)) outcomes.push(...page.flatMap(outcomeOf))
  }
  outcomes.sort((one, other) => one.atMs - other.atMs)
  const opinions = opinionsBefore(outcomes)
  const rows: Outcomes['rows'][number][] = []
  const persons = new Set<string>()
  for (let from = 0; from < outcomes.length; from += PAGE) {
    const some = outcomes.slice(from, from + PAGE)
    const known = await knownThen(ctx, some)
    for (const [index, { outcome, a, b, context }] of some.entries()) {
      const { first, second, destination } = known[index]!
      const journey = recallJourney(context, destination)
      const [person = a] = [a, b].sort()
      persons.add(person)
      const pair = pairOf(personOf(first), personOf(second), journey)
      rows.push({ ...pair, ...opinions[from + index], person, outcome })
    }
  }
  return { rows, groups: persons.size }
}

/** Features asked for at once. */
const PAGE = 500

interface Outcome {
  readonly a: string
  readonly b: string
  readonly atMs: number
  readonly context: Recorded['context']
  readonly destination: string | undefined
  readonly outcome: 0 | 1
}

function outcomeOf({ user_id: a, item_id: b, value, event, context, at }: Recorded): Outcome[] {
  if (b === undefined || a === b) return []
  const said = outcomeSaid(event, value)
  if (said === undefined) return []
  const place = context?.destination
  const destination = typeof place === 'string' ? place : undefined
  return [{ a, b, atMs: Date.parse(at), context, destination, outcome: said ? 1 : 0 }]
}

/** What earlier outcomes say of both; those of the same moment say nothing of each other. Sorted by time. */
function opinionsBefore(outcomes: readonly Outcome[]): Pair[] {
  const tallies = new Tallies()
  const features: Pair[] = []
  let told = 0
  for (const [index, { a, b, atMs }] of outcomes.entries()) {
    for (; told < index && outcomes[told]!.atMs < atMs; told++) {
      const { a: who, b: whom, outcome } = outcomes[told]!
      tallies.add(who, 'by', { yes: outcome, all: 1 })
      tallies.add(whom, 'of', { yes: outcome, all: 1 })
    }
    features.push(opinionFeatures(tallies.of(a), tallies.of(b)))
  }
  return features
}

interface KnownThen {
  readonly first: Known
  readonly second: Known
  readonly destination: Known | undefined
}

async function knownThen(ctx: Ctx, outcomes: readonly Outcome[]): Promise<KnownThen[]> {
  const moment = (entityId: string, { atMs }: Outcome) => ({ entityId, at: new Date(atMs) })
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
