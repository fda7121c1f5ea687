// Serving from a folder or bucket alone: no registry to ask, and nowhere to write predictions down.
import type { Services } from '../../ctx.ts'
import { PredictionLog } from '../prediction-log.ts'
import type { ServedVersion } from '../served-version.ts'
import { type KnownVersion, Serving, type ServingCtx } from '../serving.ts'
import { FolderModels } from './folder-models.ts'

class NoLog extends PredictionLog {
  override add(): void {}
}

export class RepositoryServing extends Serving {
  override readonly live: FolderModels
  override readonly log: PredictionLog

  constructor(services: Services) {
    super(services)
    this.live = new FolderModels(this.services)
    this.log = new NoLog(services)
  }

  /** @throws `not_found` VERSION_NOT_FOUND */
  override onDemand(tenantId: string, reference: string, version: string): ServedVersion {
    const record = this.live.record(tenantId, reference, version)
    const known = super.onDemand(tenantId, reference, version)
    // Another record where its files were not all there yet when it was first asked for.
    return known?.record === record ? known : this.keep(reference, record)
  }

  /** There is no registry to ask further. */
  override async lookAgain({ caller }: ServingCtx, reference: string, environment: string): Promise<ServedVersion> {
    return this.live.refuse(caller.tenantId, reference, environment)
  }

  override async versions({ caller }: ServingCtx): Promise<readonly KnownVersion[]> {
    return this.live
      .folders(caller.tenantId)
      .flatMap(({ modelId, modelName, versions }) =>
        [...versions.keys()].map((version) => ({ modelId, modelName, version })),
      )
  }
}
