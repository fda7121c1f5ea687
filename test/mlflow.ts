// Folders as `mlflow.onnx.save_model` writes them (MLflow 2.16: block YAML of PyYAML, folded at 80 characters, weights of 1 kB and
// more in a file with a random name), and archives of such folders, honest ones and others.
import { crc32, deflateRawSync, gzipSync } from 'node:zlib'
import { modelBytes, nodeMessage, tensorMessage, valueMessage } from '../src/ml/onnx/proto.ts'
import { externalWeights, type OtherFile } from './runtime-models.ts'

export type Files = Readonly<Record<string, Uint8Array | string>>

export const AGE_AND_INCOME = [
  { type: 'long', name: 'age', required: true },
  { type: 'double', name: 'income', required: false },
]

export interface Descriptor {
  readonly inputs?: readonly object[]
  readonly flavors?: 'onnx' | 'sklearn'
  readonly data?: string
}

/** What PyYAML makes of a long text: single quotes, broken at blanks, four characters further in. */
function folded(text: string): string {
  const lines = ['']
  for (const word of text.replaceAll("'", "''").split(' ')) {
    const last = lines.at(-1)!
    if (last.length + word.length < 70) lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
    else lines.push(word)
  }
  return `'${lines.join('\n    ')}'`
}

/** As Python's `json.dumps`. */
function pythonJson(value: unknown): string {
  return JSON.stringify(value, null, 1)
    .replace(/\n\s*/g, ' ')
    .replace(/([[{]) | ([\]}])/g, '$1$2')
}

export function mlmodel({ inputs, flavors = 'onnx', data = 'model.onnx' }: Descriptor = {}): string {
  const flavor =
    flavors === 'onnx'
      ? `  onnx:
    code: null
    data: ${data}
    onnx_session_options: null
    onnx_version: 1.16.2
    providers:
    - CUDAExecutionProvider
    - CPUExecutionProvider
  python_function:
    data: ${data}
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.onnx
    python_version: 3.11.9
`
      : `  python_function:
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.sklearn
    model_path: model.pkl
    predict_fn: predict
    python_version: 3.11.9
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 1.5.1
`
  const outputs = pythonJson([{ type: 'tensor', 'tensor-spec': { dtype: 'int64', shape: [-1] } }])
  const signature = inputs
    ? `signature:
  inputs: ${folded(pythonJson(inputs))}
  outputs: ${folded(outputs)}
  params: null
`
    : ''
  return `artifact_path: churn
flavors:
${flavor}mlflow_version: 2.16.2
model_size_bytes: 1187
model_uuid: 0d7c1f2ae8f14bb19f7a4c4f0f1b5a55
prompts: null
run_id: 4d6b9c8f8d9a4c0f9c1e4b7f5b1f2d3e
${signature}utc_time_created: '2025-03-04 10:20:30.123456'
`
}

/** A folder with what MLflow puts beside the model. */
export function mlflowFolder(model: Uint8Array, descriptor: Descriptor = {}, more: Files = {}): Files {
  return {
    MLmodel: mlmodel(descriptor),
    'conda.yaml': 'channels:\n- conda-forge\ndependencies:\n- python=3.11.9\n- pip<=24.0\n- pip:\n  - onnx==1.16.2\n',
    'model.onnx': model,
    'python_env.yaml': 'python: 3.11.9\nbuild_dependencies:\n- pip==24.0\ndependencies:\n- -r requirements.txt\n',
    'requirements.txt': 'onnx==1.16.2\nonnxruntime==1.19.0',
    ...more,
  }
}

/** y = x + w, for x of [N, 2]: w stands in another file, 8 bytes from `offset` on. */
export function externalAddModel(place: OtherFile): Uint8Array {
  const plain = { domain: '', attributes: {} }
  return modelBytes({
    name: 'external',
    irVersion: 8,
    opsets: new Map([['', 18]]),
    metadata: {},
    nodes: [
      nodeMessage({ op: 'Add', name: 'add', inputs: ['x', 'w'], outputs: ['both'], ...plain }),
      nodeMessage({ op: 'ReduceSum', name: 'sum', inputs: ['both', 'axes'], outputs: ['y'], ...plain }),
    ],
    initializers: [externalWeights(2, place), tensorMessage('axes', { type: 'int64', dims: [1], data: [1] })],
    inputs: [valueMessage('x', 'float32', ['N', 2])],
    outputs: [valueMessage('y', 'float32', ['N', 1])],
  })
}

export interface ZipEntry {
  readonly name: string
  readonly content?: Uint8Array | string
  /** Unix mode with its kind, such as 0o120777 for a link. */
  readonly mode?: number
  readonly flags?: number
  readonly method?: number
  /** Instead of what is true. */
  readonly size?: number
  readonly crc?: number
  readonly offset?: number
}

/** A zip by hand, as honest as its entries. */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const { name, content = '', mode = 0o100644, flags = 0, method = 8, ...claimed } of entries) {
    const bytes = Buffer.from(content as string)
    const packed = method === 8 ? deflateRawSync(bytes) : bytes
    const { size = bytes.length, crc = crc32(bytes), offset = at } = claimed
    const shared = Buffer.alloc(26)
    shared.writeUInt16LE(20, 0)
    shared.writeUInt16LE(flags, 2)
    shared.writeUInt16LE(method, 4)
    shared.writeUInt32LE(crc, 10)
    shared.writeUInt32LE(packed.length, 14)
    shared.writeUInt32LE(size, 18)
    shared.writeUInt16LE(Buffer.byteLength(name), 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), shared, Buffer.from(name), packed])
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE((mode << 16) >>> 0, 6)
    rest.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x1e\x03'), shared, rest, Buffer.from(name)]))
    locals.push(local)
    at += local.length
  }
  const list = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(list.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...locals, list, end])
}

export function zipOf(files: Files, folder = ''): Buffer {
  return zip(Object.entries(files).map(([name, content]) => ({ name: folder + name, content })))
}

export interface TarEntry {
  readonly name: string
  readonly content?: Uint8Array | string
  readonly type?: string
  readonly link?: string
  /** Instead of what is true. */
  readonly size?: number
}

export function tar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, content = '', type = '0', link = '', size }) => {
    const bytes = Buffer.from(content as string)
    const header = Buffer.alloc(512)
    header.write(name, 0, 100)
    header.write(`0000644\0${'0000000\0'.repeat(2)}`, 100)
    header.write(`${(size ?? bytes.length).toString(8).padStart(11, '0')}\0`, 124)
    header.write(`${'0'.repeat(11)}\0        ${type}`, 136)
    header.write(link, 157)
    header.write('ustar\x0000', 257, 'latin1')
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

export function tarGzOf(files: Files, folder = ''): Buffer {
  return gzipSync(tar(Object.entries(files).map(([name, content]) => ({ name: folder + name, content }))))
}
