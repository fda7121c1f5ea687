// Which version answers a request. In the usual case that is a look into memory; the registry is asked only for versions
// named by number that are not live, and to say precisely why there is none.
import { DEFAULT_ENVIRONMENT } from '../../contract/models.ts'
import { fail } from '../../core/failure.ts'
import { inTransaction } from '../ctx.ts'
import { getModelRow, getVersionRow, requireTrained } from '../models/index.ts'
import { recordOf } from './registry-rows.ts'
import type { Served, ServedVersion, VersionRecord } from './served-version.ts'
import type { ServingCtx } from './serving.ts'

export interface Wanted {
  /** Model id or name. */
  readonly model: string
  readonly version?: string | undefined
  readonly environment?: string | undefined
  /** The first row, where it may hold the key by which traffic is split. */
  readonly row?: unknown
}

/** Answers at once (no promise) when the version is in memory, which keeps the hot path short. */
export function findServed(ctx: ServingCtx, wanted: Wanted): Served | Promise<Served> {
  const found = findVersion(ctx, wanted)
  // Who names a version gets it, whatever is rolled out.
  if (wanted.version !== undefined) return found
  return found instanceof Promise ? found.then((live) => inTraffic(ctx, live, wanted)) : inTraffic(ctx, found, wanted)
}

function inTraffic(ctx: ServingCtx, live: ServedVersion, { environment, row }: Omit<Wanted, 'model'>): Served {
  return ctx.serving.live.assign(live, environment ?? DEFAULT_ENVIRONMENT, { caller: ctx.caller, row })
}

/** The same without a look at roll-outs: what is live, or the version that is named. */
export function findVersion(ctx: ServingCtx, wanted: Wanted): ServedVersion | Promise<ServedVersion> {
  const { tenantId } = ctx.caller
  const { model, version, environment = DEFAULT_ENVIRONMENT } = wanted
  const live = ctx.serving.live.find(tenantId, model, environment)
  if (live && (version === undefined || live.record.version === version)) return live
  if (version !== undefined) {
    return ctx.serving.onDemand(tenantId, model, version) ?? findByNumber(ctx, model, version)
  }
  return ctx.serving.lookAgain(ctx, model, environment)
}

/** The model of `POST /predict`: the configured one, else the only one that is live. */
export function findDefault(ctx: ServingCtx, row?: unknown): Served | Promise<Served> {
  const { defaultModel } = ctx.settings
  if (defaultModel !== undefined) return findServed(ctx, { model: defaultModel, row })
  const only = ctx.serving.live.only(ctx.caller.tenantId, DEFAULT_ENVIRONMENT)
  if (only) return inTraffic(ctx, only, { row })
  throw fail(
    'conflict',
    'NO_DEFAULT_MODEL',
    'There is no default model: exactly one model must be live in production, or DEFAULT_MODEL must name one',
  )
}

async function findByNumber(ctx: ServingCtx, reference: string, version: string): Promise<ServedVersion> {
  const record = await inTransaction(ctx, async (ctx): Promise<VersionRecord> => {
    const { tenant_id, id: model_id, name, type, metadata } = await getModelRow(ctx, reference)
    const row = requireTrained(await getVersionRow(ctx, model_id, version))
    return recordOf({ ...row, tenant_id, model_id, name, type, metadata })
  })
  return (
    ctx.serving.live.findVersion(record.tenantId, record.modelId, record.version) ?? ctx.serving.keep(reference, record)
  )
}
