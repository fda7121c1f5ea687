// A roll-out as a replica follows it: which of two loaded versions a request goes to, and what was counted. The challenger
// gets nothing while it is not loaded here, whatever the share says.
import type { Caller } from '../../../core/caller.ts'
import { asFailure, type MlError } from '../../../core/failure.ts'
import type { Row } from '../../../ports/db/index.ts'
import type { Services } from '../../ctx.ts'
import type { Served, ServedVersion } from '../served-version.ts'
import { type Arm, ArmCounts, ServedInArm } from './arm.ts'
import { keyOf, type StickyColumn, seedOf, unitHash } from './assignment.ts'
import { Shadow } from './shadow.ts'

export type RolloutRow = Pick<
  Row<'rollouts'>,
  'id' | 'tenant_id' | 'model_id' | 'environment' | 'challenger_version' | 'kind' | 'strategy' | 'stage'
>

/** Who asks, and the first row, where a roll-out may find its key. */
export interface Asking {
  readonly caller: Caller
  readonly row: unknown
}

const LOAD_AGAIN_MS = 5_000

export class LiveRollout {
  readonly row: RolloutRow
  readonly champion = new ArmCounts()
  readonly challenger = new ArmCounts()
  readonly shadow: Shadow | undefined
  readonly #needs: Pick<Services, 'clock' | 'log'>
  readonly #seed: number
  readonly #share: number
  readonly #arms: Readonly<Record<'champion' | 'copied' | 'challenger', Arm>>
  #version: ServedVersion | undefined
  #loadError: MlError | undefined
  #triedAt = Number.NEGATIVE_INFINITY
  #sticky: StickyColumn | undefined
  /** One object for all requests, made anew when another champion comes. */
  #views: { champion: ServedInArm; copied: ServedInArm } | undefined
  #view: ServedInArm | undefined

  constructor(needs: Pick<Services, 'clock' | 'log'>, row: RolloutRow) {
    this.#needs = needs
    this.row = row
    this.#seed = seedOf(row.id)
    this.#share = (row.strategy.percent ?? 0) / 100
    const shadow = row.kind === 'shadow' ? new Shadow(this.challenger, needs.clock, () => this.#version) : undefined
    this.shadow = shadow
    const champion: Arm = { rolloutId: row.id, name: 'champion', counts: this.champion }
    this.#arms = {
      champion,
      copied: shadow ? { ...champion, copy: (copy) => shadow.offer(copy) } : champion,
      challenger: { rolloutId: row.id, name: 'challenger', counts: this.challenger },
    }
  }

  /** The challenger as it was found at the last look at the registry, or why it could not be loaded. */
  follow(version: ServedVersion | undefined, error?: MlError): void {
    this.#version = version
    this.#loadError = error
    this.#view = version && new ServedInArm(version, this.#arms.challenger)
  }

  get version(): ServedVersion | undefined {
    return this.#version
  }

  get ready(): boolean {
    return this.#version?.ready !== undefined
  }

  get loadError(): MlError | undefined {
    return this.ready ? undefined : this.#loadError
  }

  assign(champion: ServedVersion, { caller, row }: Asking): Served {
    if (this.#views?.champion.version !== champion) this.#changeChampion(champion)
    const { champion: kept, copied } = this.#views!
    if (!this.ready) {
      this.load()
      return kept
    }
    // Every key at 100 %, none at 0: the hash is below 1 and never below 0.
    if (unitHash(this.#seed, keyOf(caller, row, this.#sticky)) >= this.#share) return kept
    return this.row.kind === 'shadow' ? copied : this.#view!
  }

  #changeChampion(version: ServedVersion): void {
    const { sticky_by: name } = this.row.strategy
    const position = version.record.signature.inputs.findIndex((input) => input.name === name)
    this.#sticky = name === undefined || position < 0 ? undefined : { name, position }
    this.#views = {
      champion: new ServedInArm(version, this.#arms.champion),
      copied: new ServedInArm(version, this.#arms.copied),
    }
  }

  /** Loads the challenger in the background where it is not; at most every few seconds. */
  load(): void {
    const version = this.#version
    const now = this.#needs.clock.elapsedMs()
    if (!version || version.ready || now - this.#triedAt < LOAD_AGAIN_MS) return
    this.#triedAt = now
    version.load().catch((error: unknown) => {
      if (this.#version !== version) return
      this.#loadError = asFailure(error)
      const { modelName, tenantId } = version.record
      this.#needs.log.error(
        { err: error, tenant: tenantId, model: modelName, version: version.record.version },
        'the version that is rolled out does not load; it takes no traffic here',
      )
    })
  }
}
