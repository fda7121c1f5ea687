// The program of a thread that fits models for a comparison: one order after the other.
import { parentPort } from 'node:worker_threads'
import { toWire } from '../../../jobs/wire.ts'
import { fitLearner, saidBy } from './fit.ts'
import type { FitAnswer, FitOrder } from './fit-threads.ts'
import { taught } from './learners.ts'

async function answer({ candidate, seed, train, heldOut, features, target, overtime }: FitOrder): Promise<FitAnswer> {
  const stop = new Int32Array(overtime)
  try {
    const model = await fitLearner(taught(candidate.algorithm).fit, {
      hyperparameters: candidate.hyperparameters,
      seed,
      matrix: train,
      features,
      target,
      step: steps(),
      overtime: () => Atomics.load(stop, 0) !== 0,
    })
    return { type: 'said', said: saidBy(model, heldOut) }
  } catch (error) {
    return { type: 'failure', failure: toWire(error) }
  }
}

/** Parts of a fit that are told of: a message takes longer than a small tree. */
const PARTS = 50

function steps(): (done: number) => void {
  let told = 0
  return (done) => {
    if (done < told + 1 / PARTS) return
    told = done
    tell({ type: 'progress', done })
  }
}

function tell(answer: FitAnswer): void {
  parentPort!.postMessage(answer)
}

parentPort!.on('message', (order: FitOrder) => {
  void answer(order).then(tell)
})
