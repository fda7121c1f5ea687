// The child process that fits the send-time model: thousands of users and a grid of settings would hold up the service.
import { asFailure } from '../../core/failure.ts'
import { serveIsolated } from '../../jobs/isolated.ts'
import { fitRates } from './channels.ts'
import { type FittedRhythm, fitRhythm, judgeable, type UserHours } from './fit.ts'
import { writeGraph } from './graph.ts'
import { type Figures, judgeFile } from './judge.ts'
import { hourOfWeek, localClock } from './local-time.ts'
import { PRIOR_CHANNELS } from './prior.ts'

const DAY_MS = 86_400_000

export interface RecordedUser {
  /** Moments of active hours, the oldest first. */
  readonly activeMs: Float64Array
  readonly zone: string
  readonly segment: string
  readonly opens: readonly number[]
  readonly sends: readonly number[]
}

export interface FitInput {
  readonly users: readonly RecordedUser[]
  /** The file that is live. */
  readonly champion: Uint8Array | null
}

export interface FitOutput {
  readonly file: Uint8Array
  readonly figures: Figures
  /** Null where there is none, or it answers something else. */
  readonly champion: Figures | null
  readonly settings: Readonly<Record<string, number | null>>
  readonly judged: number
}

serveIsolated(async (input): Promise<FitOutput> => {
  const { users, champion } = input as FitInput
  const hours = users.map(inLocalTime)
  const fitted = fitRhythm(hours)
  const file = writeGraph(fitted.rhythm, fitRates(users, PRIOR_CHANNELS))
  const held = judgeable(hours)
  return {
    file,
    figures: await judgeFile(file, held),
    champion: champion && (await judgeFile(champion, held).catch(refusalOnly)),
    settings: settingsOf(fitted),
    judged: held.length,
  }
})

function inLocalTime({ activeMs, zone, segment }: RecordedUser): UserHours {
  const clock = localClock(zone)
  return {
    hours: Int16Array.from(activeMs, (ms) => hourOfWeek(clock.at(ms))),
    days: activeMs.map((ms) => ms / DAY_MS),
    segment,
  }
}

/** Somebody may have imported another kind of file under the name; it cannot be compared. */
function refusalOnly(error: unknown): null {
  if (asFailure(error).kind === 'invalid') return null
  throw error
}

function settingsOf({ rhythm, segmentStrength }: FittedRhythm): FitOutput['settings'] {
  const { strength, halfLifeDays, bandwidth, weekday, segments } = rhythm
  return {
    strength,
    half_life_days: halfLifeDays,
    bandwidth_hours: bandwidth,
    weekday_share: weekday,
    segments: segments.size,
    segment_strength: segmentStrength,
  }
}
