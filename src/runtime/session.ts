// One graph in ONNX Runtime, in the thread that calls: the only file that knows the library. `run` blocks that thread
// for as long as the graph takes (its promise is no help), so the service uses it only inside workers.
import { env, InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { systemClock } from '../core/clock.ts'
import { fail } from '../core/failure.ts'
import { loadFailure, reasonOf, runFailure } from './engine-failure.ts'
import { ARRAY_CLASS, isTensorType } from './tensors.ts'
import type { ModelInfo, Tensor, TensorInfo, TypedArray } from './types.ts'

/** Failures are thrown and logged once by us; the engine's own lines would reach standard error unasked. */
const SILENT = 4
env.logLevel = 'fatal'

/** The bytes of the file, or its place and size. */
export type SessionSource = Uint8Array | { readonly path: string; readonly bytes: number }

export interface SessionOptions {
  readonly gpu: 'try' | 'off'
  /** Threads inside one operator. More than one costs double CPU and gains nothing for models served row by row. */
  readonly threads: number
}

export interface Session {
  readonly info: ModelInfo
  /** Why the GPU was asked for and not used. */
  readonly gpuError: string | null
  /** `feeds` in the order of `info.inputs`, already checked; outputs in the order of `fetches` (positions; [] = all). */
  run(feeds: readonly Tensor[], fetches: readonly number[]): Promise<SessionResult>
  close(): Promise<void>
}

export interface SessionResult {
  readonly outputs: readonly Tensor[]
  readonly runMs: number
  /** Without the time that the thread waited for a processor, where that is known; else as `runMs`. */
  readonly busyMs: number
}

/** @throws MlError `invalid` MODEL_NOT_LOADABLE with the engine's reason. */
export async function openSession(source: SessionSource, options: SessionOptions): Promise<Session> {
  const started = systemClock.elapsedMs()
  const { native, provider, gpuError } = await create(source, options)
  const loadMs = systemClock.elapsedMs() - started
  try {
    const bytes = source instanceof Uint8Array ? source.byteLength : source.bytes
    const info: ModelInfo = { ...describe(native), loadMs, bytes, provider, perRow: false }
    return { info, gpuError, run: runner(native, info), close: () => native.release() }
  } catch (error) {
    await native.release()
    throw error
  }
}

interface Created {
  readonly native: InferenceSession
  readonly provider: ModelInfo['provider']
  readonly gpuError: string | null
}

async function create(source: SessionSource, { gpu, threads }: SessionOptions): Promise<Created> {
  const common: InferenceSession.SessionOptions = {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: SILENT,
    extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
  }
  let gpuError: string | null = null
  if (gpu === 'try') {
    try {
      const native = await build(source, { ...common, executionProviders: ['cuda', 'cpu'] })
      return { native, provider: 'cuda', gpuError }
    } catch (error) {
      gpuError = reasonOf(error) // a missing provider throws even when 'cpu' stands behind it
    }
  }
  try {
    return { native: await build(source, { ...common, executionProviders: ['cpu'] }), provider: 'cpu', gpuError }
  } catch (error) {
    throw loadFailure(error)
  }
}

function build(source: SessionSource, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  return source instanceof Uint8Array
    ? InferenceSession.create(source, options)
    : InferenceSession.create(source.path, options)
}

function describe(native: InferenceSession): Pick<ModelInfo, 'inputs' | 'outputs' | 'otherOutputs'> {
  const inputs = native.inputMetadata.map((input) => {
    const info = tensorInfo(input)
    if (info === null) throw notLoadable(`its input "${input.name}" is not a tensor of a type served here`)
    return info
  })
  const outputs: TensorInfo[] = []
  const otherOutputs: string[] = []
  for (const output of native.outputMetadata) {
    const info = tensorInfo(output)
    if (info === null) otherOutputs.push(output.name)
    else outputs.push(info)
  }
  if (outputs.length === 0) throw notLoadable('none of its outputs is a tensor')
  return { inputs, outputs, otherOutputs }
}

function notLoadable(reason: string): Error {
  return fail('invalid', 'MODEL_NOT_LOADABLE', `The model does not load: ${reason}`)
}

function tensorInfo(value: InferenceSession.ValueMetadata): TensorInfo | null {
  if (!value.isTensor || !isTensorType(value.type)) return null
  // A variable axis reads as its symbolic name, '' where it has none.
  const dims = value.shape.map((dim) => (typeof dim === 'number' ? dim : null))
  return { name: value.name, type: value.type, dims }
}

function runner(native: InferenceSession, info: ModelInfo): Session['run'] {
  const inputNames = info.inputs.map((input) => input.name)
  const outputNames = info.outputs.map((output) => output.name)
  return async (tensors, fetches) => {
    const names = fetches.length === 0 ? outputNames : fetches.map((index) => outputNames[index]!)
    const feeds: Record<string, OrtTensor> = {}
    for (let i = 0; i < inputNames.length; i++) feeds[inputNames[i]!] = toNative(tensors[i]!)
    const started = systemClock.elapsedMs()
    const busy = info.provider === 'cpu' ? busyMs() : undefined
    try {
      const results = await native.run(feeds, names)
      const runMs = systemClock.elapsedMs() - started
      const outputs = names.map((name) => fromNative(results[name] as OrtTensor))
      return { outputs, runMs, busyMs: busy === undefined ? runMs : busyMs()! - busy }
    } catch (error) {
      throw runFailure(error)
    }
  }
}

/** Processor time of this thread; undefined before Node 23.9. */
function busyMs(): number | undefined {
  const used = process.threadCpuUsage?.()
  return used && (used.user + used.system) / 1000
}

function toNative({ type, data, dims }: Tensor): OrtTensor {
  if (type === 'float16') return halves(data as Uint16Array, dims)
  return new OrtTensor(type as 'float32', data as Float32Array, dims)
}

/**
 * Where the engine has a Float16Array, the library turns the bits into one, and its native side then reads it as empty. As
 * uint16 they pass; what they are is said afterwards.
 */
function halves(bits: Uint16Array, dims: Tensor['dims']): OrtTensor {
  const tensor = new OrtTensor('uint16', bits, dims)
  Object.defineProperty(tensor, 'type', { value: 'float16', enumerable: true })
  return tensor
}

function fromNative(tensor: OrtTensor): Tensor {
  const type = tensor.type as Tensor['type']
  const data = tensor.data as unknown as Tensor['data']
  // float16 arrives as Float16Array where the engine has one; here it is always raw bits.
  if (type === 'float16' && !(data instanceof Uint16Array)) {
    const { buffer, byteOffset, length } = data as TypedArray
    return { type, dims: tensor.dims, data: new ARRAY_CLASS.float16(buffer, byteOffset, length) }
  }
  return { type, dims: tensor.dims, data }
}
