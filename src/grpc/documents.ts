// What the data plane says, in the messages of the protocol.
import { configType } from '../core/oip/config.ts'
import { datatypeOf, shapeOf } from '../core/oip/datatypes.ts'
import type { ModelConfig, ModelMetadata, ModelStatistics, Spent } from '../core/open-inference.ts'
import type { TensorInfo } from '../core/tensors.ts'

export function metadataMessage({ name, versions, platform, inputs, outputs }: ModelMetadata) {
  return { name, versions, platform, inputs: inputs.map(tensorMessage), outputs: outputs.map(tensorMessage) }
}

function tensorMessage({ name, type, dims }: TensorInfo) {
  return { name, datatype: datatypeOf(type).name, shape: shapeOf(dims) }
}

export function configMessage({ name, platform, maxBatchSize, inputs, outputs }: ModelConfig) {
  const tensor = ({ name, type, dims }: TensorInfo) => ({
    name,
    data_type: configType(type),
    dims: shapeOf(maxBatchSize > 0 ? dims.slice(1) : dims),
  })
  return {
    config: {
      name,
      platform,
      backend: 'onnxruntime',
      max_batch_size: maxBatchSize,
      input: inputs.map(tensor),
      output: outputs.map(tensor),
      ...(maxBatchSize > 0 && { dynamic_batching: {} }),
      response_cache: { enable: false },
    },
  }
}

export function statisticsMessage(list: readonly ModelStatistics[]) {
  return { model_stats: list.map(oneModel) }
}

function oneModel(one: ModelStatistics) {
  const around: Spent = { count: one.compute.count, ns: 0 }
  return {
    name: one.name,
    version: one.version,
    last_inference: one.lastInferenceMs,
    inference_count: one.inferenceCount,
    execution_count: one.executionCount,
    inference_stats: {
      success: one.success,
      fail: one.fail,
      queue: one.queue,
      compute_input: around,
      compute_infer: one.compute,
      compute_output: around,
    },
    batch_stats: one.batches.map(({ rows, compute }) => ({
      batch_size: rows,
      compute_input: { count: compute.count, ns: 0 },
      compute_infer: compute,
      compute_output: { count: compute.count, ns: 0 },
    })),
  }
}
