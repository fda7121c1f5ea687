import type { Output } from '../../contract/operations/index.ts'
import { ALGORITHMS } from '../../ml/learn/index.ts'

export async function listAlgorithms(): Promise<Output<'algorithms.list'>> {
  return {
    items: Object.entries(ALGORITHMS).map(([name, { title, tasks, hyperparameters }]) => ({
      name,
      title,
      model_types: [...tasks],
      hyperparameters: hyperparameters as unknown as Record<string, unknown>,
    })),
  }
}
