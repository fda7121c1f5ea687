// Send-time on orders of an online shop: of every customer with three orders or more, is the hour of the last one among the
// three likeliest, known only the earlier ones? Beside it the answer that is the same for all, overall and by length of history:
//   node bench/quality/travel-notify.ts [--data=DIR]
// Writes bench/results/quality-travel-notify.json; ends with 1 where a target is missed.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { fitRhythm, judgeable, type UserHours } from '../../src/travel/notify/fit.ts'
import { writeGraph } from '../../src/travel/notify/graph.ts'
import { judgeFile, topHours } from '../../src/travel/notify/judge.ts'
import { PRIOR_CHANNELS, PRIOR_RHYTHM } from '../../src/travel/notify/prior.ts'
import { writeResult } from '../result.ts'

const FILE = 'large/online-retail/online-retail.csv.gz'
const TARGET = 0.49
/** Earlier orders of a customer. */
const HISTORIES = [
  ['2', 2, 2],
  ['3 to 4', 3, 4],
  ['5 to 9', 5, 9],
  ['10 and more', 10, Number.POSITIVE_INFINITY],
] as const
const FEW = 4
const DAY_MS = 86_400_000
/** Invoice, description and the like (which may hold commas), date, price, customer, country. */
const LINE = /^([^,]+),.*,(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),[^,]*,([^,]+),[^,]*$/

/** One hour an invoice that was not cancelled, the oldest first; the time of day is that of the shop. */
function readCustomers(path: string): UserHours[] {
  const orders = new Map<string, Map<string, number>>()
  for (const line of gunzipSync(readFileSync(path)).toString('utf8').split('\n')) {
    const [, invoice, date, customer] = LINE.exec(line) ?? []
    if (!invoice || invoice.startsWith('C')) continue
    const own = orders.get(customer!) ?? new Map<string, number>()
    orders.set(customer!, own.set(invoice, Date.parse(`${date!.replace(' ', 'T')}Z`)))
  }
  return [...orders.values()].map((invoices) => {
    const moments = [...invoices.values()].sort((a, b) => a - b)
    return {
      hours: Int16Array.from(moments, (ms) => new Date(ms).getUTCDay() * 24 + new Date(ms).getUTCHours()),
      days: Float64Array.from(moments, (ms) => ms / DAY_MS),
      segment: '',
    }
  })
}

/** Share of users whose last hour of the day is among the three of everybody. */
function sameForAll(population: ArrayLike<number>, users: readonly UserHours[]): number {
  const top = topHours(population)
  return users.filter(({ hours }) => top.includes(hours[hours.length - 1]! % 24)).length / users.length
}

/** The three hours in which most of the earlier orders fell: plain counts. */
function plainWeek(users: readonly UserHours[]): Float64Array {
  const counts = new Float64Array(168)
  for (const { hours } of users) for (const hour of hours.subarray(0, Math.max(1, hours.length - 1))) counts[hour]!++
  return counts
}

const rounded = (value: number) => Number(value.toFixed(4))

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: 'string' } } })
  const path = join(values.data ?? join(import.meta.dirname, '../../../shared/data'), FILE)
  if (!existsSync(path)) {
    process.stdout.write(`skipped: ${path} is absent; name the folder of the public files with --data=DIR\n`)
    return
  }
  const customers = readCustomers(path)
  const users = judgeable(customers)
  const { rhythm } = fitRhythm(customers)
  const file = writeGraph(rhythm, PRIOR_CHANNELS)
  const everybody = plainWeek(customers)
  const compare = async (some: readonly UserHours[]) => ({
    customers: some.length,
    ours: rounded((await judgeFile(file, some)).top3_hour_hit),
    same_for_all: rounded(sameForAll(everybody, some)),
  })
  const byHistory: Record<string, Awaited<ReturnType<typeof compare>>> = {}
  for (const [name, least, most] of HISTORIES) {
    const earlier = ({ hours }: UserHours) => hours.length - 1
    byHistory[name] = await compare(users.filter((user) => earlier(user) >= least && earlier(user) <= most))
  }
  const all = await compare(users)
  const few = await compare(users.filter(({ hours }) => hours.length - 1 <= FEW))
  const loss = async (bytes: Uint8Array) => rounded((await judgeFile(bytes, users)).log_loss)
  const { strength, halfLifeDays, bandwidth, weekday } = rhythm
  await writeResult('quality-travel-notify', {
    what: 'share of customers whose last order fell into one of the three likeliest hours of the day',
    all,
    few_earlier_orders: few,
    by_earlier_orders: byHistory,
    log_loss_of_hour_of_week: {
      ours: await loss(file),
      same_for_all: await loss(writeGraph({ ...rhythm, strength: 1e9 }, PRIOR_CHANNELS)),
      prior: await loss(writeGraph(PRIOR_RHYTHM, PRIOR_CHANNELS)),
    },
    learned: { strength, halfLifeDays, bandwidth, weekday },
    reference: { personal: 0.4781, global: 0.4498, target: TARGET },
  })
  const worse = [few, ...Object.values(byHistory)].filter(({ ours, same_for_all }) => ours < same_for_all)
  if (all.ours < TARGET || worse.length > 0) process.exitCode = 1
}

await main()
