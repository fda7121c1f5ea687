// Predictions are written down for feedback and monitoring, but never at the expense of answering: a bounded queue drained
// in the background. When it is full (the database is away, or slower than the traffic) new entries are dropped and counted.
import { asFailure } from '../../core/failure.ts'
import { roughBytes } from '../../core/rough-bytes.ts'
import { json, type NewRow, type Tx } from '../../ports/db/index.ts'
import type { Services } from '../ctx.ts'

const CAPACITY = 10_000
/** A text in a row may be as long as a request. */
const CAPACITY_BYTES = 128 * 2 ** 20
const ROWS_A_WRITE = 500
const WRITE_EVERY_MS = 200
const RETRY_AFTER_MS = 2_000

export interface LoggedPrediction {
  readonly id: string
  readonly tenant_id: string
  readonly model_id: string
  readonly version: string
  readonly environment: string | null
  readonly input: unknown
  readonly output: unknown
  readonly latency_ms: number
  readonly request_id: string
  /** Of the roll-out it belongs to, and which of the two answered. */
  readonly rollout_id: string | null
  readonly arm: string | null
}

export class PredictionLog {
  readonly #services: Services
  #waiting: LoggedPrediction[] = []
  #sizes: number[] = []
  #bytes = 0
  #added = 0
  /** Of those that were added, how many are written or given up. */
  #done = 0
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #stopped = false

  constructor(services: Services) {
    this.#services = services
  }

  add(prediction: LoggedPrediction): void {
    const bytes = roughBytes(prediction.input) + roughBytes(prediction.output)
    if (this.#stopped || this.#waiting.length >= CAPACITY || this.#bytes + bytes > CAPACITY_BYTES) {
      this.#services.metrics.predictionLogDropped.inc()
      return
    }
    this.#waiting.push(prediction)
    this.#sizes.push(bytes)
    this.#bytes += bytes
    this.#added++
    this.#schedule(WRITE_EVERY_MS)
  }

  /** Resolves when everything added before the call is written; rejects when the database is away. */
  async flush(): Promise<void> {
    const last = this.#added
    // Not until nothing waits: in steady traffic there is always something new.
    while (this.#done < last) await this.#write()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.flush().catch((error: unknown) => {
      this.#services.metrics.predictionLogDropped.inc(this.#waiting.length)
      this.#services.log.warn({ err: error, count: this.#waiting.length }, 'predictions could not be logged')
    })
  }

  #schedule(afterMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#write().then(
        () => this.#waiting.length > 0 && this.#schedule(WRITE_EVERY_MS),
        () => this.#schedule(RETRY_AFTER_MS),
      )
    }, afterMs).unref()
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeSome().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #writeSome(): Promise<void> {
    const batch = this.#waiting.slice(0, ROWS_A_WRITE)
    if (batch.length === 0) return
    const rows = batch.map(
      (entry): NewRow<'predictions'> => ({ ...entry, input: json(entry.input), output: json(entry.output) }),
    )
    try {
      await this.#services.db.system((tx) => insertPredictions(tx, rows))
    } catch (error) {
      // Kept for the next try only where a retry can help; a row the database refuses must not block the rest for ever.
      if (asFailure(error).kind === 'unavailable') throw error
      this.#services.metrics.predictionLogDropped.inc(batch.length)
      this.#services.log.warn({ err: error, count: batch.length }, 'predictions could not be logged')
    }
    this.#waiting.splice(0, batch.length)
    this.#done += batch.length
    for (const bytes of this.#sizes.splice(0, batch.length)) this.#bytes -= bytes
  }
}

async function insertPredictions(tx: Tx, rows: readonly NewRow<'predictions'>[]): Promise<void> {
  await tx
    .insertInto('predictions')
    .values([...rows])
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
}
