// Predictions by tensors: what faces without rows (the Open Inference Protocol) stand on. The same versions, limits and
// metrics as rows have; nothing is written to the prediction log, which holds rows.
import type { Call } from '../../core/caller.ts'
import type {
  DataPlane,
  InferReply,
  InferRequest,
  ServedModel,
  TensorModel,
  WantedModel,
} from '../../core/data-plane.ts'
import { requirePermission } from '../access/index.ts'
import { findServed } from './find-version.ts'
import { counted, noteBatch } from './predict-rows.ts'
import type { VersionRecord } from './served-version.ts'
import type { ServingCtx } from './serving.ts'

/** The tensor-level door, beside `dispatch`: it checks the permission itself. */
export function createDataPlane(makeCtx: (call: Call) => ServingCtx): DataPlane {
  return {
    async infer(call, request) {
      requirePermission(call.caller, 'predict')
      return inferTensors(makeCtx(call), request)
    },
    async describe(call, wanted) {
      requirePermission(call.caller, 'predict')
      return describeTensors(makeCtx(call), wanted)
    },
  }
}

export async function inferTensors(ctx: ServingCtx, request: InferRequest): Promise<InferReply> {
  const served = await findServed(ctx, request)
  const { outputs: fetches, timeoutMs, priority, inputs } = request
  const options = {
    ...(fetches && { fetches }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(priority !== undefined && { priority }),
    gone: ctx.gone,
    tenant: ctx.caller.tenantId,
  }
  const { result, elapsedMs } = await counted(ctx, served, (ready) => ready.model.run(inputs, options))
  noteBatch(ctx, served.record, result)
  const { outputs, queueMs, runMs, batchRows } = result
  return { model: shown(served.record), outputs, timings: { queueMs, runMs, batchRows, totalMs: elapsedMs } }
}

export async function describeTensors(ctx: ServingCtx, wanted: WantedModel): Promise<TensorModel> {
  const served = await findServed(ctx, wanted)
  return served.use(async ({ model }) => {
    const { inputs, outputs } = model.info
    return { ...shown(served.record), inputs, outputs }
  })
}

function shown({ modelId, modelName, version, signature }: VersionRecord): ServedModel {
  return { modelId, modelName, version, signature }
}

/** The length of the first axis is the number of rows, as everywhere. */
export function rowsOf({ inputs }: InferRequest): number {
  for (const name in inputs) return inputs[name]?.dims[0] ?? 1
  return 1
}
