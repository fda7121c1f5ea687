// How much must have been recorded: asked by the request, and by the job once it has read all of it.
import { tooLittle } from '../too-little.ts'

const MIN_EVENTS = 20
const MIN_DESTINATIONS = 2

/** @throws `conflict` TRAVEL_TOO_LITTLE_RECORDED */
export function requireEnough(interactions: number, destinations: number): void {
  if (interactions < MIN_EVENTS) throw tooLittle(interactions, `${MIN_EVENTS} interactions with destinations`)
  if (destinations < MIN_DESTINATIONS) throw tooLittle(destinations, `${MIN_DESTINATIONS} destinations`)
}
