// What one replica has counted of one version of a roll-out, and the version as a request sees it that belongs to the arm.
import { asFailure } from '../../../core/failure.ts'
import { HistogramRecorder } from '../../../ml/statistics/index.ts'
import type { ReadyVersion, Served, ServedVersion, VersionRecord } from '../served-version.ts'
import type { Copy } from './shadow.ts'

export type ArmName = 'champion' | 'challenger'

/** Failures that say nothing about a version: the caller left, or the service had no room. */
const NOT_ITS_FAULT: ReadonlySet<string> = new Set(['CLIENT_GONE', 'INFERENCE_ABORTED', 'OVERLOADED', 'RUNTIME_CLOSED'])

export class ArmCounts {
  readonly latency = new HistogramRecorder()
  #requests = 0
  #errors = 0

  get requests(): number {
    return this.#requests
  }

  get errors(): number {
    return this.#errors
  }

  /**
   * `elapsedMs`: undefined where the answer was known before. `refused`: its input did not fit, which is the version's
   * failure if the other one takes such input.
   */
  answered(elapsedMs: number | undefined, refused: number): void {
    this.#requests++
    if (refused > 0) this.#errors++
    else if (elapsedMs !== undefined) this.latency.record(elapsedMs)
  }

  failed(error: unknown): void {
    if (NOT_ITS_FAULT.has(asFailure(error).code)) return
    this.#requests++
    this.#errors++
  }
}

/** What a request that belongs to a roll-out carries along. */
export interface Arm {
  readonly rolloutId: string
  readonly name: ArmName
  readonly counts: ArmCounts
  /** Takes a copy of the request for a shadow; absent where this request is not sampled. */
  readonly copy?: (copy: Copy) => void
}

/** A version in an arm: the version itself, but requests that use it are known to belong to the arm. */
export class ServedInArm implements Served {
  readonly arm: Arm
  readonly version: ServedVersion

  constructor(version: ServedVersion, arm: Arm) {
    this.version = version
    this.arm = arm
  }

  get record(): VersionRecord {
    return this.version.record
  }

  get ready(): ReadyVersion | undefined {
    return this.version.ready
  }

  get settings(): Served['settings'] {
    return this.version.settings
  }

  get typicalMs(): number {
    return this.version.typicalMs
  }

  note(rowMs: number): void {
    this.version.note(rowMs)
  }

  use<T>(work: (ready: ReadyVersion) => Promise<T>): Promise<T> {
    return this.version.use(work)
  }
}
