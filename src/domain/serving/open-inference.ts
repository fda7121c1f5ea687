// The Open Inference Protocol's questions, answered from what is live and what the registry knows. Load and unload concern
// this replica's memory and these faces; what is live is decided by deployments alone.
import type { Call } from '../../core/caller.ts'
import type { WantedModel } from '../../core/data-plane.ts'
import { asFailure, fail } from '../../core/failure.ts'
import type { ModelConfig, OpenInference, RepositoryEntry } from '../../core/open-inference.ts'
import type { ModelInfo } from '../../runtime/index.ts'
import { requirePermission } from '../access/index.ts'
import { compareVersions } from '../models/index.ts'
import { findDefault, findVersion } from './find-version.ts'
import { createDataPlane, type Door } from './infer-tensors.ts'
import type { ServedVersion } from './served-version.ts'
import type { ServingCtx } from './serving.ts'

const EXTENSIONS = [
  'binary_tensor_data',
  'classification',
  'model_configuration',
  'model_repository',
  'model_repository(unload_dependents)',
  'schedule_policy',
  'statistics',
] as const

const PLATFORM = 'onnxruntime_onnx'
/** As many rows as a batch prediction takes; more are better cut up. */
const MAX_BATCH_ROWS = 10_000

interface Server {
  readonly name: string
  readonly version: string
  /** Whether this replica can answer predictions. */
  readonly ready: () => boolean
}

export function createOpenInference(
  makeCtx: (call: Call) => ServingCtx,
  { server, door }: { readonly server: Server; readonly door: Door },
): OpenInference {
  const plane = createDataPlane(makeCtx, door)
  const unloaded = new Set<string>()
  const may = (call: Call, permission: Parameters<typeof requirePermission>[1]): ServingCtx => {
    requirePermission(call.caller, permission)
    return makeCtx(call)
  }
  const find = async (call: Call, wanted: WantedModel): Promise<ServedVersion> => {
    const served = await findVersion(may(call, 'predict'), wanted)
    if (unloaded.has(modelKey(served))) throw unloadedFailure(served)
    return served
  }
  const isReady = async (ctx: ServingCtx, wanted: WantedModel): Promise<boolean> => {
    const served = await findVersion(ctx, wanted)
    if (unloaded.has(modelKey(served))) return false
    return served.ready !== undefined || isLoadable(ctx, served)
  }
  return {
    server: () => ({ name: server.name, version: server.version, extensions: EXTENSIONS }),
    ready: server.ready,
    infer: (call, request) =>
      unloaded.size > 0 ? find(call, request).then(() => plane.infer(call, request)) : plane.infer(call, request),
    turnAway: (caller, wanted) => (unloaded.size > 0 ? undefined : plane.turnAway?.(caller, wanted)),
    async describe(call, wanted) {
      if (unloaded.size > 0) await find(call, wanted)
      return plane.describe(call, wanted)
    },
    async defaultModel(call) {
      const ctx = may(call, 'predict')
      const { defaultModel } = ctx.settings
      if (defaultModel !== undefined && ctx.serving.custom.find(defaultModel)) return defaultModel
      return (await findDefault(ctx)).record.modelId
    },
    modelReady: async (call, wanted) => isReady(may(call, 'predict'), wanted),
    async rowsReady(call, wanted) {
      const ctx = may(call, 'predict')
      return ctx.serving.custom.find(wanted.model) !== undefined || isReady(ctx, wanted)
    },
    async metadata(call, wanted) {
      const served = await find(call, wanted)
      const { inputs, outputs } = await served.use(async ({ model }) => model.info)
      const versions = await versionsOf(makeCtx(call), served)
      return { name: served.record.modelName, versions, platform: PLATFORM, inputs, outputs }
    },
    async config(call, wanted) {
      const served = await find(call, wanted)
      return configOf(served, await served.use(async ({ model }) => model.info))
    },
    async statistics(call, wanted) {
      const ctx = may(call, 'predict')
      const { serving, caller } = ctx
      const found = wanted
        ? [serving.statistics.find((await findVersion(ctx, wanted)).record)]
        : serving.statistics.all(caller.tenantId)
      const memory = serving.memoryByKey()
      return found.map((one) => one.show(memory.get(one.modelKey ?? '') ?? 0))
    },
    repositoryIndex: async (call) => indexOf(may(call, 'read'), unloaded),
    async load(call, model) {
      const served = await findVersion(may(call, 'write'), { model })
      await served.load()
      unloaded.delete(modelKey(served))
    },
    async unload(call, model) {
      const served = await findVersion(may(call, 'write'), { model })
      unloaded.add(modelKey(served))
      served.unload()
    },
  }
}

function modelKey({ record }: ServedVersion): string {
  return `${record.tenantId}/${record.modelId}`
}

function unloadedFailure({ record: { modelName } }: ServedVersion) {
  return fail('unavailable', 'MODEL_UNLOADED', `"${modelName}" was unloaded; load it again to use it`)
}

async function isLoadable(ctx: ServingCtx, served: ServedVersion): Promise<boolean> {
  try {
    await served.load()
    return true
  } catch (error) {
    const { modelName, version } = served.record
    ctx.log.warn({ model: modelName, version, reason: asFailure(error).message }, 'a model asked for is not loadable')
    return false
  }
}

/** A first axis of any length on both sides is that of the rows. */
function configOf({ record }: ServedVersion, { inputs, outputs }: ModelInfo): ModelConfig {
  const batched = [...inputs, ...outputs].every(({ dims }) => dims.length > 0 && dims[0] === null)
  const { modelName: name, version } = record
  return { name, version, platform: PLATFORM, maxBatchSize: batched ? MAX_BATCH_ROWS : 0, inputs, outputs }
}

async function versionsOf(ctx: ServingCtx, { record }: ServedVersion): Promise<string[]> {
  const known = (await ctx.serving.versions(ctx)).filter(({ modelId }) => modelId === record.modelId)
  return known.map(({ version }) => version).sort(compareVersions)
}

/** Every version with a file: ready where it is live, else loaded when somebody asks for it by number. */
async function indexOf(ctx: ServingCtx, unloaded: ReadonlySet<string>): Promise<RepositoryEntry[]> {
  const { tenantId } = ctx.caller
  const known = await ctx.serving.versions(ctx)
  const entries = known.map(({ modelName: name, modelId, version }): RepositoryEntry => {
    if (unloaded.has(`${tenantId}/${modelId}`)) return { name, version, state: 'UNAVAILABLE', reason: 'unloaded' }
    if (ctx.serving.live.findVersion(tenantId, modelId, version)) return { name, version, state: 'READY', reason: '' }
    return { name, version, state: 'UNAVAILABLE', reason: 'not live; loaded when asked for by its number' }
  })
  return entries.sort((a, b) => a.name.localeCompare(b.name, 'en') || compareVersions(a.version, b.version))
}
