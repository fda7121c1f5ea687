// The sample table: customers of a bank, one file a day. The outcome follows a known rule with noise, and that rule drifts
// a little from day to day, so that a model trained on an early day is worth replacing later.
import type { DataContract } from '../../contract/datasets.ts'
import { type Random, seededRandom } from '../../core/random.ts'

export const SAMPLE_DAYS = Array.from({ length: 12 }, (_, i) => `day_${String(i + 1).padStart(2, '0')}.csv`)
const CUSTOMER_COLUMNS = ['age', 'income', 'account_balance', 'transactions_last_30d', 'is_premium'] as const

const ROWS_A_DAY = 2000

/** The contract of the described system: required columns, no missing cells, a target of 0 and 1. */
export const CUSTOMER_CONTRACT: DataContract = {
  columns: [
    { name: 'age', dtype: 'integer', required: true, nullable: false, min: 0, max: 130 },
    { name: 'income', dtype: 'number', required: true, nullable: false },
    { name: 'account_balance', dtype: 'number', required: true, nullable: false },
    { name: 'transactions_last_30d', dtype: 'integer', required: true, nullable: false, min: 0 },
    { name: 'is_premium', dtype: 'integer', required: true, nullable: false, categories: ['0', '1'] },
    { name: 'target', dtype: 'integer', required: true, nullable: false, categories: ['0', '1'] },
  ],
  target: 'target',
}

/** The CSV text of one day (1 to 12); the same every time. */
export function customersOfDay(day: number): string {
  const random = seededRandom(20_240_000 + day)
  const drift = (day - 1) / 11
  const lines = [[...CUSTOMER_COLUMNS, 'target'].join(',')]
  for (let i = 0; i < ROWS_A_DAY; i++) lines.push(customer(random, drift).join(','))
  return `${lines.join('\n')}\n`
}

function customer(random: Random, drift: number): (number | string)[] {
  const age = Math.round(Math.min(90, Math.max(18, 44 + 14 * random.normal())))
  const income = Math.max(9000, 46_000 * Math.exp(0.45 * random.normal()) * (1 + 0.1 * drift))
  const balance = 0.12 * income * (1 + 0.8 * random.normal()) - 900 * drift
  const transactions = Math.max(0, Math.round(18 + 9 * random.normal() + 6 * drift))
  const premium = random.next() < 0.2 + 0.15 * drift ? 1 : 0
  const score =
    0.04 * (age - 44) +
    (0.9 - 0.5 * drift) * Math.log(income / 46_000) * 2 +
    balance / 6000 +
    (0.03 + 0.06 * drift) * (transactions - 18) +
    (1.1 - 0.6 * drift) * premium -
    1.1
  const target = random.next() < 1 / (1 + Math.exp(-1.6 * score)) ? 1 : 0
  return [age, income.toFixed(2), balance.toFixed(2), transactions, premium, target]
}
