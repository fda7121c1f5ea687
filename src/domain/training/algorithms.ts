import type { Output } from '../../contract/operations/index.ts'
import { ALGORITHMS } from '../../ml/learn/index.ts'
import { spaceOf } from '../../ml/tune/index.ts'

export async function listAlgorithms(): Promise<Output<'algorithms.list'>> {
  return {
    items: Object.entries(ALGORITHMS).map(([name, { title, tasks, hyperparameters }]) => ({
      name,
      title,
      model_types: [...tasks],
      hyperparameters: hyperparameters as unknown as Record<string, unknown>,
      search_space: spaceOf(name).map((parameter) =>
        parameter.scale === 'choice' ? { ...parameter, values: [...parameter.values] } : parameter,
      ),
    })),
  }
}
