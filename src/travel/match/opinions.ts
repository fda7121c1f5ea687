// What outcomes say of a traveller beside any pair: how often others wished to travel with them, and how often they wish it of
// others. Learned from as it was known just before each outcome; when it is asked for it is read with the other features.

import { own } from '../../core/own.ts'
import type { Ctx } from '../../domain/ctx.ts'
import { countInteractions, summariesOf } from '../../domain/features/index.ts'
import { complain } from '../known.ts'
import { BASE } from './prior.ts'

/** Event → whether the two went together; undefined: its `value` says so, 1 or 0. */
export const OUTCOME_EVENTS: Readonly<Record<string, boolean | undefined>> = {
  match_accepted: true,
  match_declined: false,
  match_outcome: undefined,
}

/** Undefined where it is no outcome. */
export function outcomeSaid(event: string, value: number | null | undefined): boolean | undefined {
  return own(OUTCOME_EVENTS, event) ?? (value === 1 ? true : value === 0 ? false : undefined)
}

export interface Tally {
  readonly yes: number
  readonly all: number
}

export interface Opinions {
  /** By others of them. */
  readonly of: Tally
  /** By them of others. */
  readonly by: Tally
}

const NONE: Tally = { yes: 0, all: 0 }
export const NO_OPINIONS: Opinions = { of: NONE, by: NONE }

/** So many imagined usual outcomes are added. */
const SHRINK = 3

/** As of the last outcome that was recorded, one an id; none where they cannot be read. */
export async function opinionsOf(ctx: Ctx, ids: readonly string[]): Promise<Opinions[]> {
  try {
    return await summariesOf(ctx, ids, {
      name: 'outcomes',
      make: async (ctx, ids) => {
        const counts = await countInteractions(ctx, ids, Object.keys(OUTCOME_EVENTS))
        const tallies = new Tallies()
        for (const { id, side, event, value, count } of counts) {
          const said = outcomeSaid(event, value)
          if (said !== undefined) tallies.add(id, side, { yes: said ? count : 0, all: count })
        }
        return ids.map((id) => tallies.of(id))
      },
    })
  } catch (error) {
    complain(ctx, error, 'outcomes cannot be read; answered without them')
    return ids.map(() => NO_OPINIONS)
  }
}

export class Tallies {
  readonly #known = new Map<string, Opinions>()

  of(id: string): Opinions {
    return this.#known.get(id) ?? NO_OPINIONS
  }

  add(id: string, side: keyof Opinions, { yes, all }: Tally): void {
    const known = this.of(id)
    const tally = { yes: known[side].yes + yes, all: known[side].all + all }
    this.#known.set(id, { ...known, [side]: tally })
  }
}

/** Null where there are no outcomes of either. */
export function opinionFeatures(a: Opinions, b: Opinions): Readonly<Record<string, number | null>> {
  const pair = (side: keyof Opinions) => {
    const [first, second] = [a[side], b[side]]
    if (first.all + second.all === 0) return [null, null]
    const [one, other] = [shareOf(first), shareOf(second)]
    return [(one + other) / 2, Math.min(one, other)]
  }
  const [wanted_level, wanted_least] = pair('of')
  const [willing_level, willing_least] = pair('by')
  return {
    wanted_level: wanted_level!,
    wanted_least: wanted_least!,
    willing_level: willing_level!,
    willing_least: willing_least!,
  }
}

function shareOf({ yes, all }: Tally): number {
  return (yes + SHRINK * BASE) / (all + SHRINK)
}
