// Both sides of the neural benchmarks: ours in this process, scikit-learn's in a Python beside it, on the same bytes.
import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ALGORITHMS } from '../../src/ml/learn/index.ts'
import type { LearningTarget } from '../../src/ml/learn/learner.ts'
import type { Matrix } from '../../src/ml/matrix.ts'
import { graphEngine } from '../../src/runtime/graph-engine.ts'

export interface Examples {
  readonly name: string
  readonly train: { readonly matrix: Matrix; readonly target: LearningTarget }
  readonly test: Matrix
}

export interface Side {
  /** Of processor time, for fitting alone. */
  readonly seconds: number
  readonly epochs: number
  /** Probabilities, or numbers, of the test rows. */
  readonly said: Float64Array
}

export async function ours({ train, test }: Examples, hyperparameters: object): Promise<Side> {
  const before = process.cpuUsage()
  const { neural_network: algorithm } = ALGORITHMS
  const model = await algorithm.fit({ ...train, hyperparameters: { ...hyperparameters }, engine: graphEngine })
  const { user, system } = process.cpuUsage(before)
  return { seconds: (user + system) / 1e6, epochs: model.iterations, said: model.predict(test).values }
}

export interface Peer extends AsyncDisposable {
  readonly version: string
  fit(examples: Examples, settings: object): Promise<Side>
}

/** @param folder where the bytes go that both sides read. */
export async function startPeer(python: string, folder: string): Promise<Peer> {
  const threads = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }
  const script = join(import.meta.dirname, 'neural-peer.py')
  const child = spawn(python, ['-W', 'ignore', script], { env: threads, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${python} ended: it needs scikit-learn`)
    return JSON.parse(value as string)
  }
  const { version } = await answer()
  return {
    version,
    async fit({ name, train, test }, settings) {
      const file = join(folder, name.replaceAll(/\W/g, '-'))
      const { target } = train
      await writeFile(
        `${file}.target`,
        Float64Array.from(target.task === 'classification' ? target.labels : target.values),
      )
      const parts = { train: await store(file, train.matrix), test: await store(`${file}-test`, test) }
      child.stdin.write(`${JSON.stringify({ ...parts, task: target.task, settings })}\n`)
      const { seconds, epochs } = await answer()
      const bytes = await readFile(`${file}-test.said`)
      return { seconds, epochs, said: new Float64Array(new Uint8Array(bytes).buffer) }
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
    },
  }
}

async function store(file: string, matrix: Matrix) {
  await writeFile(`${file}.values`, matrix.values)
  if (matrix.form === 'csr') {
    await writeFile(`${file}.indices`, matrix.indices)
    await writeFile(`${file}.offsets`, matrix.offsets)
  }
  return { file, form: matrix.form, rows: matrix.rows, cols: matrix.cols }
}
