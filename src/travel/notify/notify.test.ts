// The parts of send-time: weekly rhythm, its file, channels, local hours, the choice of an hour and the words for it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { openSession } from '../../runtime/in-process.ts'
import { drawBeta, drawChannel, fitRates, ratesOf } from './channels.ts'
import { feedsOf } from './feeds.ts'
import { fitRhythm, type UserHours } from './fit.ts'
import { writeGraph } from './graph.ts'
import { beforeLast, judgeFile, topHours } from './judge.ts'
import { hourOfWeek, localClock } from './local-time.ts'
import { PRIOR_CHANNELS, PRIOR_RHYTHM } from './prior.ts'
import { recordedUsers } from './recorded.ts'
import { activityOf, HOURS, type Rhythm, spreadOf } from './rhythm.ts'
import { chooseTime, DAILY_CAP } from './schedule.ts'
import { summarise } from './summarise.ts'

const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0)
const hour = fc.integer({ min: 0, max: HOURS - 1 })
const history = fc
  .array(fc.tuple(hour, fc.double({ min: 0, max: 2000, noNaN: true })), { maxLength: 64 })
  .map((active) => ({ hours: active.map(([h]) => h), ages: active.map(([, age]) => age), segment: 'city' }))

const rhythm: Rhythm = {
  ...PRIOR_RHYTHM,
  segments: new Map([['city', Float64Array.from({ length: HOURS }, (_, i) => (i % 24 === 9 ? 1 / 7 : 0))]]),
}

describe('the rhythm of a week', () => {
  it('is a distribution, whatever somebody did', () => {
    fc.assert(
      fc.property(history, fc.constantFrom(null, 30), (given, halfLifeDays) => {
        const settings = { ...rhythm, halfLifeDays }
        const { hours, own } = activityOf(settings, spreadOf(settings), given)
        expect(sum(hours)).toBeCloseTo(1, 9)
        expect(hours.every((share) => share >= 0)).toBe(true)
        expect(own >= 0 && own < 1).toBe(true)
      }),
    )
  })

  it('is that of the segment for who has no history, and of everybody for who is in none that is known', () => {
    const of = (segment: string) => activityOf(rhythm, spreadOf(rhythm), { hours: [], ages: [], segment }).hours
    expect([...of('city')]).toEqual([...rhythm.segments.get('city')!])
    expect([...of('village')]).toEqual([...rhythm.population])
  })

  it('leaves that of everybody the more is known of somebody', () => {
    const at = (count: number) => {
      const given = { hours: Array(count).fill(50), ages: Array(count).fill(1), segment: '' }
      return activityOf(rhythm, spreadOf(rhythm), given)
    }
    const shares = [0, 1, 5, 20, 60].map((count) => at(count).hours[50]!)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(at(60).own).toBeGreaterThan(0.8)
  })

  it('is computed by its ONNX file as by the formula', async () => {
    const session = await openSession(writeGraph(rhythm, PRIOR_CHANNELS))
    const random = seededRandom(3)
    const users = [0, 1, 7, 64].map((count) => ({
      hours: Array.from({ length: count }, () => random.integer(HOURS)),
      ages: Array.from({ length: count }, () => random.next() * 300),
      segment: count % 2 ? 'city' : 'elsewhere',
      opens: [count, 0, 1],
      sends: [count + 1, 0, 1],
    }))
    const { outputs } = await session.run(feedsOf(users))
    await session.close()
    users.forEach((user, row) => {
      const { hours, support, own } = activityOf(rhythm, spreadOf(rhythm), user)
      const found = (outputs.activity!.data as Float32Array).subarray(row * HOURS, (row + 1) * HOURS)
      hours.forEach((share, i) => {
        expect(found[i]).toBeCloseTo(share, 6)
      })
      expect(Number(outputs.support!.data[row])).toBeCloseTo(support, 3)
      expect(Number(outputs.own!.data[row])).toBeCloseTo(own, 5)
      expect(outputs.in_segment!.data[row]).toBe(user.segment === 'city' ? 1 : 0)
      const { alpha, beta } = ratesOf(PRIOR_CHANNELS, user)
      alpha.forEach((value, i) => {
        expect(Number(outputs.open_alpha!.data[row * 3 + i])).toBeCloseTo(value, 4)
      })
      beta.forEach((value, i) => {
        expect(Number(outputs.open_beta!.data[row * 3 + i])).toBeCloseTo(value, 4)
      })
    })
  })
})

/** Half of the users are morning people, half are out late; each is active at their own hour three times out of four. */
function people(count: number): UserHours[] {
  const random = seededRandom(11)
  return Array.from({ length: count }, (_, i) => {
    const usual = i % 2 ? 8 : 21
    const active = 3 + random.integer(20)
    const hours = Int16Array.from({ length: active }, () => {
      const at = random.next() < 0.75 ? usual : random.integer(24)
      return random.integer(7) * 24 + at
    })
    return { hours, days: Float64Array.from({ length: active }, (_, j) => j * 3), segment: i % 2 ? 'early' : 'late' }
  })
}

describe('learning the rhythm', () => {
  it('knows each person better than everybody’s week does', async () => {
    const users = people(200)
    const plain = users.map((user) => ({ ...user, segment: '' }))
    const { rhythm } = fitRhythm(plain)
    expect(sum(rhythm.population)).toBeCloseTo(1, 9)
    const own = await judgeFile(writeGraph(rhythm, PRIOR_CHANNELS), plain)
    const all = await judgeFile(writeGraph({ ...rhythm, strength: 1e9 }, PRIOR_CHANNELS), plain)
    expect(own.log_loss).toBeLessThan(all.log_loss - 0.1)
    const { rhythm: bySegment, segmentStrength } = fitRhythm(users)
    expect(segmentStrength).not.toBeNull()
    expect(topHours(bySegment.segments.get('early')!)[0]).toBe(8)
    const inSegments = await judgeFile(writeGraph(bySegment, PRIOR_CHANNELS), users)
    expect(inSegments.log_loss).toBeLessThan(own.log_loss)
  })

  it('says no worse than everybody’s where the past of a person tells nothing of the next hour', async () => {
    const random = seededRandom(9)
    const users = Array.from({ length: 80 }, (): UserHours => {
      const start = random.integer(HOURS)
      // Every time 31 hours later: never near an hour of the day where it was before.
      const days = Float64Array.from({ length: 12 }, (_, i) => (i * 31) / 24)
      return { hours: Int16Array.from(days, (_, i) => (start + 31 * i) % HOURS), days, segment: '' }
    })
    const { rhythm } = fitRhythm(users)
    const own = await judgeFile(writeGraph(rhythm, PRIOR_CHANNELS), users)
    const all = await judgeFile(writeGraph({ ...rhythm, strength: 1e9 }, PRIOR_CHANNELS), users)
    expect(own.log_loss).toBeLessThan(all.log_loss + 0.01)
  })

  it('never sees the hour it is judged by', () => {
    const users = people(60)
    const other = users.map((user) => {
      const hours = user.hours.slice()
      hours[hours.length - 1] = 3
      return { ...user, hours }
    })
    expect(fitRhythm(other)).toEqual(fitRhythm(users))
    expect(beforeLast(users[0]!).hours.length).toBe(users[0]!.hours.length - 1)
  })
})

describe('channels', () => {
  it('are drawn by their beta distributions', () => {
    const random = seededRandom(5)
    for (const [alpha, beta] of [
      [2, 8],
      [0.5, 0.5],
      [30, 3],
    ] as const) {
      const draws = Array.from({ length: 4000 }, () => drawBeta(random, alpha, beta))
      expect(sum(draws) / draws.length).toBeCloseTo(alpha / (alpha + beta), 1)
      expect(draws.every((rate) => rate >= 0 && rate <= 1)).toBe(true)
    }
  })

  it('that are opened more are chosen more, and the others are still tried', () => {
    const rates = ratesOf(PRIOR_CHANNELS, { opens: [1, 8, 0], sends: [10, 20, 2] })
    const counts = [0, 0, 0]
    for (let seed = 0; seed < 500; seed++) counts[drawChannel(rates, [0, 1, 2], seededRandom(seed))]!++
    expect(counts[1]).toBeGreaterThan(250)
    expect(counts[2]).toBeGreaterThan(10)
    for (let seed = 0; seed < 50; seed++) expect(drawChannel(rates, [0, 2], seededRandom(seed))).not.toBe(1)
  })

  it('have the population’s rates learned with how much users differ', () => {
    const alike = Array.from({ length: 50 }, () => ({ opens: [3, 0, 0], sends: [10, 0, 0] }))
    const apart = Array.from({ length: 50 }, (_, i) => ({ opens: [i % 2 ? 6 : 0, 0, 0], sends: [10, 0, 0] }))
    const [one, other] = [fitRates(alike, PRIOR_CHANNELS), fitRates(apart, PRIOR_CHANNELS)]
    expect(one.alpha[0]! / (one.alpha[0]! + one.beta[0]!)).toBeCloseTo(0.3, 1)
    expect(one.alpha[0]! + one.beta[0]!).toBeGreaterThan(other.alpha[0]! + other.beta[0]!)
    expect([one.alpha[1], one.beta[1]]).toEqual([PRIOR_CHANNELS.alpha[1], PRIOR_CHANNELS.beta[1]])
  })
})

describe('local hours', () => {
  it('is what the platform says, in every zone and also when it is remembered', () => {
    const zones = Intl.supportedValuesOf('timeZone')
    const moment = fc.integer({ min: Date.UTC(1970, 0, 1), max: Date.UTC(2040, 0, 1) })
    fc.assert(
      fc.property(fc.constantFrom(...zones), moment, (timeZone, ms) => {
        const said = new Intl.DateTimeFormat('en-GB', { timeZone, timeStyle: 'short' })
        const clock = localClock(timeZone)
        for (const at of [ms, ms + 420_000, ms]) {
          const { hour, minute } = clock.at(at)
          expect(`${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`).toBe(said.format(at))
        }
      }),
      { numRuns: 200 },
    )
  })

  it.each([
    ['Europe/Rome', '2025-03-30T00:30:00Z', 1],
    ['Europe/Rome', '2025-03-30T01:30:00Z', 3],
    ['Asia/Kathmandu', '2025-01-01T00:20:00Z', 6],
    ['America/New_York', '2025-11-02T06:30:00Z', 1],
    [undefined, '2025-01-01T05:00:00Z', 5],
    ['Mars/Olympus', '2025-01-01T05:00:00Z', 5],
  ])('of %s at %s', (zone, at, local) => {
    const clock = localClock(zone)
    expect(clock.at(Date.parse(at)).hour).toBe(local)
    expect(clock.known).toBe(zone?.includes('/') === true && !zone.startsWith('Mars'))
  })
})

describe('the hour to send in', () => {
  const zones = fc.constantFrom('Europe/Rome', 'America/St_Johns', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC')
  const moments = fc.integer({ min: Date.parse('2025-01-01'), max: Date.parse('2025-12-31') })
  const quiet = fc.option(fc.record({ from: fc.integer({ min: 0, max: 23 }), to: fc.integer({ min: 0, max: 23 }) }), {
    nil: undefined,
  })
  const activity = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: HOURS, maxLength: HOURS })

  it('is never a quiet one, never before now, and before the deadline unless something holds it back', () => {
    fc.assert(
      fc.property(
        zones,
        moments,
        quiet,
        activity,
        fc.constantFrom('low', 'medium', 'high'),
        fc.array(fc.integer({ min: -30, max: 1 }), { maxLength: 8 }),
        (zone, nowMs, quiet, activity, urgency, sent) => {
          const clock = localClock(zone)
          const sentMs = sent.map((hours) => nowMs + hours * 3_600_000)
          const chosen = chooseTime({ nowMs, urgency: urgency as 'low', clock, quiet, sentMs, activity })
          const { hour } = clock.at(chosen.atMs)
          const isQuiet =
            quiet !== undefined &&
            (quiet.from <= quiet.to ? hour >= quiet.from && hour < quiet.to : hour >= quiet.from || hour < quiet.to)
          expect(isQuiet).toBe(false)
          expect(chosen.atMs).toBeGreaterThanOrEqual(nowMs)
          const days = { low: 7, medium: 1, high: 0 }[urgency as 'low']
          const late = chosen.atMs > nowMs + days * 86_400_000
          expect(late && !chosen.held && chosen.capped === undefined).toBe(false)
          const soFar = sentMs.filter((ms) => ms > chosen.atMs - 86_400_000 && ms <= nowMs).length
          if (urgency !== 'high') expect(soFar).toBeLessThan(DAILY_CAP)
        },
      ),
    )
  })

  it('is the most active one before the deadline', () => {
    const clock = localClock('Europe/Rome')
    const nowMs = Date.parse('2025-03-29T20:10:00Z') // Saturday 21:10, the night before the clocks go forward
    const activity = new Float64Array(HOURS)
    activity[0 * 24 + 18] = 1
    activity[3 * 24 + 9] = 2
    const at = (urgency: 'low' | 'medium' | 'high') =>
      new Date(
        chooseTime({ nowMs, urgency, clock, quiet: { from: 22, to: 8 }, sentMs: [], activity }).atMs,
      ).toISOString()
    expect(at('high')).toBe('2025-03-29T20:10:00.000Z')
    expect(at('medium')).toBe('2025-03-30T16:00:00.000Z')
    expect(at('low')).toBe('2025-04-02T07:00:00.000Z')
  })

  it.each([
    // The clocks of Rome go from 02:00 to 03:00 on 30 March: there is no hour at 2 to be sent in, so the next best it is.
    ['an hour that is not', 'Europe/Rome', '2025-03-29T20:10:00Z', 2, '2025-03-30T01:00:00.000Z'],
    // They go back from 03:00 to 02:00 on 26 October: of the two hours at 2 the first.
    ['an hour that is twice', 'Europe/Rome', '2025-10-25T20:10:00Z', 2, '2025-10-26T00:00:00.000Z'],
    // Nepal is 05:45 ahead: its hours begin at a quarter past ours.
    ['hours that begin at another minute', 'Asia/Kathmandu', '2025-03-29T12:00:00Z', 2, '2025-03-29T20:15:00.000Z'],
    // Lord Howe goes forward by half an hour, from 02:00 to 02:30, on 5 October: what is left of that hour begins at 02:30.
    ['half an hour that is not', 'Australia/Lord_Howe', '2025-10-04T12:00:00Z', 2, '2025-10-04T15:30:00.000Z'],
  ])('knows of %s', (_, zone, now, wanted, sent) => {
    const activity = new Float64Array(HOURS)
    for (let day = 0; day < 7; day++) {
      activity[day * 24 + wanted] = 2
      activity[day * 24 + wanted + 1] = 1
    }
    const clock = localClock(zone)
    const wish = { nowMs: Date.parse(now), urgency: 'medium', clock, quiet: undefined, sentMs: [], activity } as const
    expect(new Date(chooseTime(wish).atMs).toISOString()).toBe(sent)
  })

  it('is none of the quiet hours over midnight, and waits for the cap to let it through', () => {
    const clock = localClock('Europe/Rome')
    const nowMs = Date.parse('2025-06-10T20:30:00Z') // 22:30
    const activity = new Float64Array(HOURS).fill(1)
    const quiet = { from: 22, to: 7 }
    const held = chooseTime({ nowMs, urgency: 'high', clock, quiet, sentMs: [], activity })
    expect(new Date(held.atMs).toISOString()).toBe('2025-06-11T05:00:00.000Z')
    const sentMs = [1, 2, 3, 4].map((hours) => nowMs - hours * 3_600_000)
    const capped = chooseTime({ nowMs, urgency: 'medium', clock, quiet, sentMs, activity })
    // A day after the fourth last, which is 18:30 of the next day.
    expect(new Date(capped.atMs).toISOString()).toBe('2025-06-11T16:30:00.000Z')
    expect(capped.capped).toBe(4)
  })
})

describe('what a user did', () => {
  it('counts an hour once, sent messages apart, and no more opened than sent', () => {
    const at = (hours: number) => Date.parse('2025-01-01T00:00:00Z') + hours * 3_600_000
    const profile = summarise([
      { event: 'viewed', atMs: at(1.2), channel: null },
      { event: 'viewed', atMs: at(1.4), channel: null },
      { event: 'sent', atMs: at(2), channel: 'push' },
      { event: 'opened', atMs: at(3), channel: 'push' },
      { event: 'opened', atMs: at(9), channel: 'sms' },
    ])
    expect(profile).toEqual({
      activeMs: [at(9), at(3), at(1.4)],
      sentMs: [at(2)],
      opens: [1, 0, 1],
      sends: [1, 0, 1],
    })
    expect(hourOfWeek(localClock('UTC').at(at(0)))).toBe(3 * 24)
  })

  it('is what they did last, also where what is long ago was recorded last', async () => {
    const acts = (count: number, days: number, hour: number) =>
      Array.from({ length: count }, (_, i) => {
        const atMs = Date.UTC(2025, 0, 1, hour) + (days + i) * 86_400_000
        return { userId: 'u', itemId: null, event: 'viewed', atMs, value: null, channel: null }
      })
    const [user] = await recordedUsers({
      entities: async function* () {},
      interactions: async function* () {
        yield acts(64, 2000, 9)
        yield acts(1200, 0, 20)
      },
    })
    expect(new Set(Array.from(user!.hours, (hour) => hour % 24))).toEqual(new Set([9]))
  })

  it('is told of channels however they are written', () => {
    const { opens, sends } = summarise([
      { event: 'sent', atMs: 1, channel: 'Email' },
      { event: 'opened', atMs: 2, channel: ' EMAIL' },
    ])
    expect({ opens, sends }).toEqual({ opens: [0, 1, 0], sends: [0, 1, 0] })
  })
})
