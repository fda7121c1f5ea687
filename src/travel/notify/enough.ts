// How much must have been recorded: asked by the request, and by the job once it has read all of it.
import { tooLittle } from '../too-little.ts'

const MIN_USERS = 20
/** One to learn from, one to choose by, one to judge by. */
export const LEAST_HOURS = 3

/** @throws `conflict` TRAVEL_TOO_LITTLE_RECORDED */
export function requireEnough(users: number): void {
  if (users < MIN_USERS) throw tooLittle(users, `${MIN_USERS} users with ${LEAST_HOURS} active hours or more`)
}
