// What this process has counted of roll-outs, written into rows of its own: totals, overwritten, so that a write that is
// repeated or lost does no harm. A process that is killed loses what it counted since the last write.
import { hostname } from 'node:os'
import { asFailure } from '../../../core/failure.ts'
import { newId } from '../../../core/ids.ts'
import { json, type NewRow, type Tx } from '../../../ports/db/index.ts'
import type { Services } from '../../ctx.ts'
import type { ArmCounts, ArmName } from './arm.ts'
import type { LiveRollout } from './live-rollout.ts'

/** A process that has not written for three of these is gone. */
export const SIGN_OF_LIFE_MS = 10_000

interface Written {
  readonly rollout: LiveRollout
  readonly text: string
  readonly atMs: number
}

export class CountsWriter {
  readonly replica = `${hostname()}/${newId('req').slice(-8)}`
  readonly #services: Services
  readonly #live: () => readonly LiveRollout[]
  readonly #written = new Map<LiveRollout, Written>()

  constructor(services: Services, live: () => readonly LiveRollout[]) {
    this.#services = services
    this.#live = live
  }

  /** Writes what has changed, of roll-outs that have ended a last time. Calls must not overlap. */
  async write(): Promise<void> {
    const live = new Set(this.#live())
    for (const rollout of live) rollout.load()
    for (const rollout of new Set([...live, ...this.#written.keys()])) {
      const rows = this.#rowsOf(rollout)
      const text = JSON.stringify(rows)
      const before = this.#written.get(rollout)
      const atMs = this.#services.clock.elapsedMs()
      if (before?.text !== text || (live.has(rollout) && atMs - before.atMs > SIGN_OF_LIFE_MS)) {
        await this.#save(rows)
        this.#written.set(rollout, { rollout, text, atMs })
      }
      if (!live.has(rollout)) this.#written.delete(rollout)
    }
  }

  #rowsOf(rollout: LiveRollout): Counts[] {
    const { row, loadError, ready, shadow } = rollout
    const place = { tenant_id: row.tenant_id, rollout_id: row.id, stage: row.stage, replica: this.replica }
    const error = loadError && {
      code: loadError.code,
      message: loadError.message,
      // Waiting brings back a store that is away, not a file that is gone.
      permanent: loadError.kind !== 'unavailable' || loadError.code === 'ARTIFACT_MISSING',
    }
    return [
      { ...place, ...countsOf('champion', rollout.champion), ready: true, load_error: null, difference: null },
      {
        ...place,
        ...countsOf('challenger', rollout.challenger),
        ready,
        load_error: error ? json(error) : null,
        difference: shadow ? json(shadow.difference) : null,
      },
    ]
  }

  async #save(rows: readonly Counts[]): Promise<void> {
    const { db, log, clock } = this.#services
    const updated_at = clock.now()
    try {
      await db.system((tx) => saveCounts(tx, { rows: rows.map((row) => ({ ...row, updated_at })) }))
    } catch (error) {
      // The model may have been deleted with everything that belongs to it; then there is nothing to write to.
      if (asFailure(error).kind === 'unavailable') throw error
      log.debug({ err: error }, 'the counts of a roll-out have no place any more')
    }
  }
}

type Counts = Omit<NewRow<'rollout_counts'>, 'updated_at'>

function countsOf(arm: ArmName, counts: ArmCounts) {
  return { arm, requests: counts.requests, errors: counts.errors, latency: json(counts.latency) }
}

async function saveCounts(tx: Tx, { rows }: { rows: NewRow<'rollout_counts'>[] }): Promise<void> {
  await tx
    .insertInto('rollout_counts')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['rollout_id', 'stage', 'replica', 'arm']).doUpdateSet((eb) => ({
        ready: eb.ref('excluded.ready'),
        load_error: eb.ref('excluded.load_error'),
        requests: eb.ref('excluded.requests'),
        errors: eb.ref('excluded.errors'),
        latency: eb.ref('excluded.latency'),
        difference: eb.ref('excluded.difference'),
        updated_at: eb.ref('excluded.updated_at'),
      })),
    )
    .execute()
}
