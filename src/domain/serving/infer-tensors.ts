// Predictions by tensors: what faces without rows (the Open Inference Protocol) stand on. The same versions, limits and
// metrics as rows have; nothing is written to the prediction log, which holds rows.

import { DEFAULT_ENVIRONMENT } from '../../contract/models.ts'
import type { Call, Caller } from '../../core/caller.ts'
import type {
  DataPlane,
  InferReply,
  InferRequest,
  ServedModel,
  TensorModel,
  WantedModel,
} from '../../core/data-plane.ts'
import { roughBytes } from '../../core/rough-bytes.ts'
import type { Tensor, Tensors } from '../../core/tensors.ts'
import { requirePermission } from '../access/index.ts'
import { takesTensors } from '../models/index.ts'
import { findServed, findVersion } from './find-version.ts'
import { readAnswers } from './output.ts'
import { counted, noteRun } from './predict-rows.ts'
import { labelsOf, seriesOf } from './record-series.ts'
import { runLimits } from './run-limits.ts'
import { tracedRun } from './run-spans.ts'
import type { VersionRecord } from './served-version.ts'
import type { ServingCtx } from './serving.ts'
import type { Copy } from './traffic/shadow.ts'

/** The tensor-level door, beside `dispatch`: it checks the permission itself. */
export function createDataPlane(makeCtx: (call: Call) => ServingCtx, door: Door): DataPlane {
  return {
    infer: (call, request) => inferTensors(makeCtx(call), request),
    turnAway: (caller, wanted) => turnAway(door, caller, wanted),
    async describe(call, wanted) {
      requirePermission(call.caller, 'predict')
      return describeTensors(makeCtx(call), wanted)
    },
  }
}

/** What is asked before there is a ctx, which would cost more than the asking. */
export type Door = Pick<ServingCtx, 'serving' | 'metrics'>

/** Says nothing where it takes more than a look into memory to know who answers: of split traffic, of versions that are not live. */
function turnAway({ serving, metrics }: Door, caller: Caller, wanted: WantedModel) {
  const { model, version, environment = DEFAULT_ENVIRONMENT } = wanted
  const live = serving.live.find(caller.tenantId, model, environment)
  if (!live?.ready || (version !== undefined && live.record.version !== version)) return undefined
  const waitMs = live.ready.model.refusedWaitMs?.(caller.tenantId)
  if (waitMs === undefined || serving.live.rollouts.length > 0 || !caller.permissions.has('predict')) return undefined
  const labels = labelsOf(live.record)
  seriesOf(metrics, live.record).requests.inc()
  metrics.inferenceErrors.inc({ ...labels, code: 'OVERLOADED' })
  serving.statistics.of(live.record).failed(0)
  return Math.max(1, Math.ceil(waitMs / 1000))
}

export async function inferTensors(ctx: ServingCtx, request: InferRequest): Promise<InferReply> {
  requirePermission(ctx.caller, 'predict')
  const { model, version, environment } = request
  const found = findServed(ctx, { model, version, environment, row: request.inputs })
  const served = found instanceof Promise ? await found : found
  const { outputs: fetches, timeoutMs, priority, inputs } = request
  const options = {
    ...(fetches && { fetches }),
    ...(priority !== undefined && { priority }),
    ...runLimits(served.settings, timeoutMs),
    gone: ctx.gone,
    tenant: ctx.caller.tenantId,
  }
  const { result, elapsedMs } = await counted(ctx, served, ({ model }, ctx) =>
    tracedRun(ctx, { model, feeds: inputs, options }),
  )
  noteRun(ctx, served.record, { rows: rowsOf(request), result })
  const { outputs, queueMs, runMs, batchRows } = result
  served.arm?.counts.answered(elapsedMs, 0)
  served.arm?.copy?.(copyOf(ctx, { request, record: served.record, outputs }))
  return { model: shown(served.record), outputs, timings: { queueMs, runMs, batchRows, totalMs: elapsedMs } }
}

interface Answered {
  readonly request: InferRequest
  readonly record: VersionRecord
  readonly outputs: Tensors
}

/** Compared as predictions where the outputs of the signature were asked for, else only run. */
function copyOf(ctx: ServingCtx, { request, record, outputs: answer }: Answered): Copy {
  const rows = rowsOf(request)
  // The memory of both is the caller's, who may use it for something else once the reply is out.
  const inputs = kept(request.inputs)
  const outputs = kept(answer)
  const comparable = record.signature.outputs.every(({ name }) => outputs[name] !== undefined)
  return {
    rows,
    bytes: bytesOf(inputs) + bytesOf(outputs),
    async ask(version, signal) {
      const options = { gone: () => signal.aborted, tenant: ctx.caller.tenantId, ...runLimits(version.settings) }
      const { result, elapsedMs } = await counted(ctx, version, ({ model }) => model.run(inputs, options))
      if (!comparable) return { elapsedMs, refused: 0, pairs: [] }
      const own = readAnswers(version.record.signature, result.outputs, rows)
      const pairs = readAnswers(record.signature, outputs, rows).map((champion, i) => {
        return { input: [], champion, challenger: own[i]! }
      })
      return { elapsedMs, refused: 0, pairs }
    },
  }
}

function kept(tensors: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() as Tensor['data'] }]),
  )
}

function bytesOf(tensors: Tensors): number {
  let bytes = 0
  for (const { data } of Object.values(tensors)) bytes += ArrayBuffer.isView(data) ? data.byteLength : roughBytes(data)
  return bytes
}

async function describeTensors(ctx: ServingCtx, wanted: WantedModel): Promise<TensorModel> {
  const served = await findVersion(ctx, wanted)
  return served.use(async ({ model }) => {
    const { inputs, outputs } = model.info
    return { ...shown(served.record), inputs, outputs, takesRows: !takesTensors(served.record.modelType) }
  })
}

function shown({ modelId, modelName, version, signature }: VersionRecord): ServedModel {
  return { modelId, modelName, version, signature }
}

/** The length of the first axis is the number of rows, as everywhere. */
function rowsOf({ inputs }: InferRequest): number {
  for (const name in inputs) return inputs[name]?.dims[0] ?? 1
  return 1
}
