// The reason of a send time, in words that the numbers bear out: what is said of a user was counted, and nothing is said to be
// theirs that is everybody's.
import type { Channel, Urgency } from '../../contract/notify.ts'
import { type LocalClock, WEEKDAYS } from './local-time.ts'
import { type Chosen, DAILY_CAP, type QuietHours } from './schedule.ts'

export interface Facts {
  readonly urgency: Urgency
  readonly chosen: Chosen
  readonly clock: LocalClock
  readonly quiet: QuietHours | undefined
  /** Share of the expected activity that is the user's own. */
  readonly own: number
  /** Active hours of the user, and those of them at the chosen hour of the day. */
  readonly active: number
  readonly atHour: number
  readonly channel: Channel
  readonly opens: number
  readonly sends: number
  readonly allMuted: boolean
  /** Whether a model learned what holds for users in general; else it is assumed. */
  readonly trained: boolean
  readonly inSegment: boolean
}

/** From here on an answer is the user's own rather than everybody's. */
const OWN = 0.5

export function reasonOf(facts: Facts): string {
  return [timeWords(facts), ...limitWords(facts), channelWords(facts)].join('; ')
}

function timeWords({ urgency, chosen, clock, own, active, atHour, trained, inSegment }: Facts): string {
  const { local, held } = chosen
  if (urgency === 'high' || held) return held ? 'Sent as soon as quiet hours allow' : 'Urgent, so sent at once'
  const { hour, weekday } = local
  const when = `${WEEKDAYS[weekday]} ${twoDigits(hour)}:00-${twoDigits((hour + 1) % 24)}:00 ${clock.zone}`
  if (own >= OWN && atHour > 0) {
    return `Of the hours before the deadline the user is most active on ${when}: ${atHour} of their last ${active} active hours were at that hour of the day`
  }
  const known = active === 0 ? 'Nothing is known of when this user is active' : littleWords(active)
  const whose = inSegment ? 'users of their segment' : 'users in general'
  const general = trained ? `${whose} are most active on` : 'the best for users in general is assumed to be'
  return `${known}; of the hours before the deadline ${general} ${when}`
}

function littleWords(count: number): string {
  return count === 1
    ? 'Only 1 active hour is known of this user'
    : `The ${count} active hours known of this user are too few or too long ago`
}

function limitWords({ chosen, quiet, clock, urgency }: Facts): string[] {
  const words: string[] = []
  if (chosen.held && quiet) words.push(`quiet hours are ${twoDigits(quiet.from)}:00-${twoDigits(quiet.to)}:00`)
  if (chosen.capped !== undefined) {
    words.push(
      `${chosen.capped} messages went out in the last 24 hours and ${DAILY_CAP} are the most, so this one waits`,
    )
  }
  if (!clock.known && urgency !== 'high') words.push('the time zone is not known, so UTC is assumed')
  return words
}

function channelWords({ channel, opens, sends, allMuted, trained }: Facts): string {
  const all = allMuted ? 'every channel is muted; ' : ''
  if (sends === 0) {
    const why = trained ? 'drawn by how often users in general open it' : 'tried, since no opens were learned from yet'
    return `${all}${channel}: none sent to this user yet, ${why}`
  }
  return `${all}${channel}: ${opens} of ${sends} opened`
}

function twoDigits(hour: number): string {
  return String(hour).padStart(2, '0')
}
