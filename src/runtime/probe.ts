// Is there a GPU that the engine can use? Asked once per worker with the smallest model there is, because the engine
// lists its `cuda` provider whether or not the library behind it can be loaded.
import { openSession } from './session.ts'

/** An identity graph over a float vector "x" → "y", opset 13. */
const IDENTITY = 'CAg6OQoQCgF4EgF5IghJZGVudGl0eRIBZ1oQCgF4EgsKCQgBEgUKAxIBbmIQCgF5EgsKCQgBEgUKAxIBbkIECgAQDQ=='

export interface GpuFound {
  readonly gpu: boolean
  /** The engine's reason where there is none. */
  readonly gpuError: string | null
}

export async function probeGpu(): Promise<GpuFound> {
  const session = await openSession(Buffer.from(IDENTITY, 'base64'), { gpu: 'try', threads: 1 })
  const { gpuError } = session
  await session.close()
  return { gpu: gpuError === null, gpuError }
}
