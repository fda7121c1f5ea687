// When and how to notify a user: what they did of late and what they wish → activity and open rates by the model → the best
// hour that is allowed, and a channel drawn by how likely it is opened.
import { createHash } from 'node:crypto'
import { CHANNELS, type SendTime, type SendTimeRequest } from '../../contract/notify.ts'
import { seededRandom } from '../../core/random.ts'
import type { ServingCtx } from '../../domain/serving/index.ts'
import { complain, type Known, knownOf, numberIn, wordsOf } from '../known.ts'
import { drawChannel } from './channels.ts'
import { hourOfWeek, type LocalClock, localClock } from './local-time.ts'
import { type Expected, expect } from './model.ts'
import { profileOf } from './profile.ts'
import { chooseTime, type QuietHours } from './schedule.ts'
import type { Profile } from './summarise.ts'
import { reasonOf } from './words.ts'

const DAY_MS = 86_400_000
/** For users who do not say. */
const QUIET: QuietHours = { from: 22, to: 8 }
const NOBODY: Profile = { activeMs: [], sentMs: [], opens: [0, 0, 0], sends: [0, 0, 0] }

/** The same request id gives the same answer while nothing new is known. */
export async function optimizeSendTime(ctx: ServingCtx, input: SendTimeRequest): Promise<SendTime> {
  const { user_id, urgency } = input
  const [[known], profile] = await Promise.all([knownOf(ctx, 'user', [user_id]), readProfile(ctx, user_id)])
  const nowMs = ctx.clock.now().getTime()
  const clock = localClock(known!.timezone)
  const hours = profile.activeMs.map((ms) => hourOfWeek(clock.at(ms)))
  const segment = typeof known!.segment === 'string' ? known!.segment : ''
  const ages = profile.activeMs.map((ms) => Math.max(0, nowMs - ms) / DAY_MS)
  const expected = await expect(ctx, { hours, ages, segment, opens: profile.opens, sends: profile.sends })
  const quiet = quietOf(known!)
  const chosen = chooseTime({ nowMs, urgency, clock, quiet, sentMs: profile.sentMs, activity: expected.activity })
  const muted = wordsOf(known!.muted_channels)
  const allowed = [...CHANNELS.keys()].filter((i) => !muted?.has(CHANNELS[i]!))
  const allMuted = allowed.length === 0
  const place = drawChannel(expected.rates, allMuted ? [...CHANNELS.keys()] : allowed, randomOf(ctx, user_id))
  const atHour = hours.filter((hour) => hour % 24 === chosen.local.hour).length
  return {
    send_at: new Date(chosen.atMs).toISOString(),
    channel: CHANNELS[place]!,
    confidence: allMuted ? LEAST : confidenceOf(expected, clock),
    reason: reasonOf({
      urgency,
      chosen,
      clock,
      quiet,
      own: expected.own,
      active: hours.length,
      atHour,
      channel: CHANNELS[place]!,
      opens: profile.opens[place]!,
      sends: profile.sends[place]!,
      allMuted,
      trained: expected.trained,
      inSegment: expected.inSegment,
    }),
  }
}

async function readProfile(ctx: ServingCtx, userId: string): Promise<Profile> {
  try {
    return await profileOf(ctx, userId)
  } catch (error) {
    complain(ctx, error, 'interactions cannot be read; answered without them')
    return NOBODY
  }
}

/** Two different hours of the day; the same hour twice: no quiet hours. */
function quietOf({ quiet_from, quiet_to }: Known): QuietHours | undefined {
  const [from, to] = [quiet_from, quiet_to].map((hour) => (Number.isInteger(hour) ? numberIn(hour, 0, 23) : undefined))
  if (from === undefined || to === undefined) return QUIET
  return from === to ? undefined : { from, to }
}

function randomOf({ caller }: ServingCtx, userId: string) {
  const text = JSON.stringify([caller.tenantId, userId, caller.requestId])
  return seededRandom(createHash('sha256').update(text).digest().readUInt32LE(0))
}

const LEAST = 0.05
/** What everybody's week is worth for somebody nothing is known of: learned, or set by hand. */
const LEARNED = 0.2
/** Without a time zone the hours may be those of the other side of the world. */
const NO_ZONE = 0.5

function confidenceOf({ own, trained }: Expected, { known }: LocalClock): number {
  const floor = trained ? LEARNED : LEAST
  return (floor + (1 - floor) * own) * (known ? 1 : NO_ZONE)
}
