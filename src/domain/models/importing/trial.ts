// The trial run of a file nobody here made, in a child process of its own with limits on time and memory: a hostile file
// may loop for ever or take all the memory there is, and neither may happen to the service.
import { readFile } from 'node:fs/promises'
import { asFailure } from '../../../core/failure.ts'
import { valuesOf } from '../../../core/tensors.ts'
import { serveIsolated } from '../../../jobs/isolated.ts'
import { openSession } from '../../../runtime/in-process.ts'
import type { Tensor, Tensors } from '../../../runtime/index.ts'
import { tensorLayouts } from '../layout.ts'
import { emptyCells, sampleTensors, tensorOf } from '../tensors.ts'
import type { Trial } from './derive.ts'

export interface TrialInput {
  readonly path: string
  /** Whatever tensors it takes; else it must be a table of columns. */
  readonly tensors: boolean
}

/** More classes than anybody has names for. */
const MOST_SHOWN = 10_000

serveIsolated(async (input): Promise<Trial> => {
  const { path, tensors } = input as TrialInput
  const session = await openSession(await readFile(path))
  const { info } = session
  if (tensors) {
    await session.run(sampleTensors(info.inputs)).catch(refusalOnly)
    return { info, outputWidths: {}, answered: {}, acceptsMissing: false }
  }
  const { outputs } = await session.run(sample(info.inputs, 0))
  const outputWidths = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data.length]))
  const answered = Object.fromEntries(
    Object.entries(outputs)
      .filter(([, { data }]) => data.length <= MOST_SHOWN)
      .map(([name, tensor]) => [name, Array.from(valuesOf(tensor) as ArrayLike<unknown>, String)]),
  )
  return { info, outputWidths, answered, acceptsMissing: await acceptsMissing() }

  async function acceptsMissing(): Promise<boolean> {
    try {
      const missing = await session.run(sample(info.inputs, Number.NaN))
      return Object.values(missing.outputs).every(allFinite)
    } catch (error) {
      if (asFailure(error).kind === 'invalid') return false
      throw error
    }
  }
})

/** Nobody knows which values a model of tensors takes: that it refuses zeros says nothing, that it hangs says enough. */
function refusalOnly(error: unknown): void {
  if (asFailure(error).kind !== 'invalid') throw error
}

function allFinite(tensor: Tensor): boolean {
  return Array.from(valuesOf(tensor) as ArrayLike<unknown>).every(
    (value) => typeof value !== 'number' || Number.isFinite(value),
  )
}

/** One row in which every number is `value` (zero in types without NaN) and every string is empty. */
function sample(inputs: Parameters<typeof tensorLayouts>[0], value: number): Tensors {
  const feeds: Record<string, Tensor> = {}
  for (const layout of tensorLayouts(inputs)) {
    const cells = emptyCells(layout, 1)
    if (cells instanceof Float64Array && !Number.isNaN(value)) cells.fill(value)
    feeds[layout.name] = tensorOf(layout, cells, 1)
  }
  return feeds
}
