// Long lists are worked on piece by piece. Between two pieces everybody else has their turn: another request waits for the end of a piece,
// not of the list.
import { setImmediate } from 'node:timers/promises'

/** Lets others go first. */
export function nextTurn(): Promise<void> {
  return setImmediate()
}

/** @returns what `work` makes of each, in their order. */
export async function mapInTurns<T, R>(
  items: readonly T[],
  { atATime }: { readonly atATime: number },
  work: (item: T, index: number) => R,
): Promise<R[]> {
  const made: R[] = []
  for (let from = 0; from < items.length; from += atATime) {
    if (from > 0) await nextTurn()
    const to = Math.min(items.length, from + atATime)
    for (let i = from; i < to; i++) made.push(work(items[i]!, i))
  }
  return made
}
