// Users as the tensors of the send-time model.
import type { Tensors } from '../../runtime/index.ts'
import type { ChannelCounts } from './channels.ts'
import type { History } from './rhythm.ts'
import { MOST_HOURS } from './summarise.ts'

export type UserInput = History & ChannelCounts

/** Hours beyond the newest 64 are left out. */
export function feedsOf(users: readonly UserInput[]): Tensors {
  const rows = users.length
  const hours = new BigInt64Array(rows * MOST_HOURS)
  const ages = new Float32Array(rows * MOST_HOURS)
  const weights = new Float32Array(rows * MOST_HOURS)
  for (const [row, user] of users.entries()) {
    const count = Math.min(MOST_HOURS, user.hours.length)
    for (let i = 0; i < count; i++) {
      hours[row * MOST_HOURS + i] = BigInt(user.hours[i]!)
      ages[row * MOST_HOURS + i] = user.ages[i]!
      weights[row * MOST_HOURS + i] = 1
    }
  }
  const channels = (of: (user: UserInput) => readonly number[]) => {
    const data = Float32Array.from(users.flatMap((user) => [...of(user)]))
    return { type: 'float32' as const, dims: [rows, data.length / rows], data }
  }
  const dims = [rows, MOST_HOURS]
  return {
    hours: { type: 'int64', dims, data: hours },
    ages: { type: 'float32', dims, data: ages },
    weights: { type: 'float32', dims, data: weights },
    segment: { type: 'string', dims: [rows, 1], data: users.map(({ segment }) => segment) },
    opens: channels(({ opens }) => opens),
    sends: channels(({ sends }) => sends),
  }
}
