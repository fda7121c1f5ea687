// Steps of a chunk, each made ready here, run elsewhere and written down here again, in order.
import { nextTurn } from '../../core/turns.ts'

/** Runs under way: one is worked on while the next is made ready and the last is written down. */
export const RUNS_AHEAD = 2

/** Writes down what came of a step. */
export type Finish = () => void

/**
 * Begins some steps ahead of the one whose end is awaited. To make a step ready and to write it down each takes milliseconds, and answers of several
 * may come in one turn; requests are answered between any two of them.
 */
export async function ahead<T>(steps: Iterable<T>, begin: (step: T) => Promise<Finish>): Promise<void> {
  const underWay: Promise<Finish>[] = []
  const finishNext = async () => {
    const finish = await underWay.shift()!
    await nextTurn()
    finish()
    await nextTurn()
  }
  for (const step of steps) {
    const begun = begin(step)
    // Awaited below; without this a failure behind another one would end the process.
    begun.catch(() => {})
    underWay.push(begun)
    await nextTurn()
    if (underWay.length > RUNS_AHEAD) await finishNext()
  }
  while (underWay.length > 0) await finishNext()
}
