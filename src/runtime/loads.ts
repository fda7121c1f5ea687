// The loads from their wish to their end, and what that means for the runs that wait for the model.

import type { MlError } from '../core/failure.ts'
import type { Log } from '../core/log.ts'
import type { LoadJob, PoolModel } from './job.ts'
import type { Runs } from './runs.ts'
import type { Seat } from './seat.ts'
import type { ModelInfo } from './types.ts'

interface Around {
  readonly seats: () => readonly Seat[]
  readonly runs: Runs
  readonly log: Log
}

export class Loads {
  readonly #around: Around

  constructor(around: Around) {
    this.#around = around
  }

  /** Of those that stay. */
  leastBurdened(): Seat {
    const staying = this.#around.seats().filter(({ leaving }) => !leaving)
    return staying.reduce((best, one) => (one.burden < best.burden ? one : best))
  }

  want(seat: Seat, job: LoadJob): void {
    job.model.loading++
    seat.wanted.push(job)
  }

  /** A load that no caller waits for: its failure goes to the log. */
  quiet(model: PoolModel): LoadJob {
    const settle = (outcome: ModelInfo | MlError) => {
      const fields = { model: model.key, reason: outcome instanceof Error && outcome.message }
      if (fields.reason) this.#around.log.warn(fields, 'A model did not load on another worker')
    }
    return { kind: 'load', model, deaths: 0, settle }
  }

  /** Where no seat is left that could load the model, those who wait for it are told. */
  end(job: LoadJob, outcome: ModelInfo | MlError): void {
    const { model } = job
    const { seats, runs } = this.#around
    model.loading--
    job.settle(outcome)
    if (!(outcome instanceof Error)) return
    const hopeless = seats().every((seat) => !seat.held.has(model) && seat.refused.has(model))
    if (hopeless && model.loading === 0) for (const run of runs.queue.takeAllOf(model)) runs.end(run, outcome)
  }

  refuse(seat: Seat, job: LoadJob, failure: MlError): void {
    seat.refused.set(job.model, failure)
    this.end(job, failure)
  }
}
