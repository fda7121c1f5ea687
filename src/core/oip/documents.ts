// What the data plane says, in the documents of the protocol. gRPC writes what its messages have of them and leaves out the rest.

import type { ModelConfig, ModelMetadata, ModelStatistics } from '../open-inference.ts'
import type { TensorInfo } from '../tensors.ts'
import { configType } from './config.ts'
import { datatypeOf, shapeOf } from './datatypes.ts'

export function metadataDocument({ name, versions, platform, inputs, outputs }: ModelMetadata) {
  return { name, versions, platform, inputs: inputs.map(tensorDocument), outputs: outputs.map(tensorDocument) }
}

function tensorDocument({ name, type, dims }: TensorInfo) {
  return { name, datatype: datatypeOf(type).name, shape: shapeOf(dims) }
}

/** The part of Triton's model configuration that load generators and clients read. */
export function configDocument({ name, platform, maxBatchSize, inputs, outputs }: ModelConfig) {
  const tensor = ({ name, type, dims }: TensorInfo) => ({
    name,
    data_type: configType(type),
    dims: shapeOf(maxBatchSize > 0 ? dims.slice(1) : dims),
  })
  return {
    name,
    platform,
    backend: 'onnxruntime',
    version_policy: { all: {} },
    max_batch_size: maxBatchSize,
    input: inputs.map((input) => ({ ...tensor(input), format: 'FORMAT_NONE' })),
    output: outputs.map((output) => ({ ...tensor(output), label_filename: '' })),
    ...(maxBatchSize > 0 && { dynamic_batching: { preferred_batch_size: [], max_queue_delay_microseconds: 0 } }),
    response_cache: { enable: false },
    model_transaction_policy: { decoupled: false },
  }
}

const NONE = { count: 0, ns: 0 }

export function statisticsDocument(list: readonly ModelStatistics[]) {
  return {
    model_stats: list.map((one) => ({
      name: one.name,
      version: one.version,
      last_inference: one.lastInferenceMs,
      inference_count: one.inferenceCount,
      execution_count: one.executionCount,
      inference_stats: {
        success: one.success,
        fail: one.fail,
        queue: one.queue,
        compute_input: { ...NONE, count: one.compute.count },
        compute_infer: one.compute,
        compute_output: { ...NONE, count: one.compute.count },
        cache_hit: one.cacheHit,
        cache_miss: NONE,
      },
      batch_stats: one.batches.map(({ rows, compute }) => ({
        batch_size: rows,
        compute_input: { ...NONE, count: compute.count },
        compute_infer: compute,
        compute_output: { ...NONE, count: compute.count },
      })),
      memory_usage: one.memoryBytes > 0 ? [{ type: 'CPU', id: 0, byte_size: one.memoryBytes }] : [],
    })),
  }
}
