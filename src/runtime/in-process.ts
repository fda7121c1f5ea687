// A model in the calling thread: for the training child process and for tools, which may block. The service itself
// goes through `openRuntime`. Same tensors, same failures.
import { fetchIndices, orderFeeds } from './feeds.ts'
import { openSession as openEngine } from './session.ts'
import type { ModelInfo, RunResult, Tensor, Tensors } from './types.ts'

export interface InProcessSession {
  readonly info: ModelInfo
  /**
   * Runs the graph; the thread does nothing else meanwhile.
   *
   * @throws MlError `invalid` MODEL_INPUT_INVALID, MODEL_OUTPUT_UNKNOWN or MODEL_RUN_FAILED
   */
  run(feeds: Tensors, options?: { readonly fetches?: readonly string[] }): Promise<RunResult>
  close(): Promise<void>
}

/**
 * Loads a model from the bytes of its file.
 *
 * @throws MlError `invalid` MODEL_NOT_LOADABLE
 */
export async function openSession(
  bytes: Uint8Array,
  { threads = 1 }: { readonly threads?: number } = {},
): Promise<InProcessSession> {
  const session = await openEngine(bytes, { gpu: 'off', threads })
  const { info } = session
  return {
    info,
    async run(feeds, { fetches } = {}) {
      const indices = fetchIndices(info, fetches)
      const { outputs, runMs } = await session.run(orderFeeds(info, feeds), indices)
      return { outputs: nameOutputs(info, indices, outputs), runMs }
    },
    close: () => session.close(),
  }
}

/** Outputs by name; `indices` as `fetchIndices` made them. */
function nameOutputs(info: ModelInfo, indices: readonly number[], tensors: readonly Tensor[]): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = {}
  tensors.forEach((tensor, i) => {
    outputs[info.outputs[indices[i] ?? i]!.name] = tensor
  })
  return outputs
}
