// The model file: the encoders' nodes, then the learner's, from raw columns to the answer. Its metadata holds nothing that
// differs between two runs with the same inputs, so the file is the same to the byte.
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Encoding } from '../../../ml/encode/index.ts'
import type { FittedModel } from '../../../ml/learn/index.ts'
import { GraphBuilder } from '../../../ml/onnx/graph.ts'
import { modelyardVersion } from './environment.ts'
import type { TrainingOutcome, TrainingSpec } from './spec.ts'

export interface Learned {
  readonly encoding: Encoding
  readonly model: FittedModel
}

export function buildGraph({ encoding, model }: Learned, { modelName, version }: TrainingSpec): Uint8Array {
  const graph = new GraphBuilder()
  model.write(graph, encoding.write(graph))
  return graph.build({
    name: modelName,
    metadata: { model_name: modelName, model_version: version, modelyard_version: modelyardVersion },
  })
}

export async function storeGraph(file: Uint8Array, outputDir: string): Promise<TrainingOutcome['artifact']> {
  const path = join(outputDir, 'model.onnx')
  await writeFile(path, file)
  return { path, sha256: createHash('sha256').update(file).digest('hex'), bytes: file.byteLength }
}
