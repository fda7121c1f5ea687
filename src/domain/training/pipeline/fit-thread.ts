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
      step: (done) => tell({ type: 'progress', done }),
      overtime: () => Atomics.load(stop, 0) !== 0,
    })
    return { type: 'said', said: saidBy(model, heldOut) }
  } catch (error) {
    return { type: 'failure', failure: toWire(error) }
  }
}

function tell(answer: FitAnswer): void {
  parentPort!.postMessage(answer)
}

parentPort!.on('message', (order: FitOrder) => {
  void answer(order).then(tell)
})
