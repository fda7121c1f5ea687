// What linear.ts times: bytes that both sides read, and our side of the work.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom } from '../../src/core/random.ts'
import { encodeTable, fitEncoding } from '../../src/ml/encode/index.ts'
import { ALGORITHMS, type ClassTarget } from '../../src/ml/learn/index.ts'
import type { Matrix } from '../../src/ml/matrix.ts'
import { openSession } from '../../src/runtime/in-process.ts'
import type { Tables } from '../../src/tables/index.ts'
import { type QualityRows, readRows } from '../quality/rows.ts'
import { SETS } from '../quality/sets.ts'

export interface Problem {
  readonly name: string
  /** What the peer is asked to load. */
  readonly request: Readonly<Record<string, unknown>>
  readonly run: () => Promise<Timing>
}

/** Seconds. Processor time, of all threads of the process: unlike the clock it does not run while others compute. */
export interface Timing {
  readonly wall: number
  readonly encode: number
  readonly fit: number
  readonly iterations: number
  /** Share of the training rows that the model gets right: both sides must have learned the same. */
  readonly right: number
}

export async function matrixProblem(
  folder: string,
  name: string,
  { matrix, target, c }: { matrix: Matrix; target: ClassTarget; c: number },
): Promise<Problem> {
  await mkdir(folder, { recursive: true })
  const { form, rows, cols } = matrix
  await writeFile(join(folder, `${name}.values`), matrix.values)
  await writeFile(join(folder, `${name}.labels`), target.labels)
  if (matrix.form === 'csr') {
    await writeFile(join(folder, `${name}.indices`), matrix.indices)
    await writeFile(join(folder, `${name}.offsets`), matrix.offsets)
  }
  return {
    name,
    request: { folder, name, form, rows, cols, C: c },
    run: async () => timed(matrix, target, { started: stopwatch(), encode: 0, l2: 1 / c }),
  }
}

/** From raw text to the fitted model on both sides. */
export async function textProblem(folder: string, name: string, { columns, train }: QualityRows): Promise<Problem> {
  const { table, target } = train
  const text = table.columns.get(columns[0]!.name)
  if (text?.form !== 'text' || target.task !== 'classification') throw new Error(`${name} is no text`)
  await writeFile(join(folder, `${name}.json`), JSON.stringify(text.values.map((value) => value ?? '')))
  await writeFile(join(folder, `${name}.labels`), target.labels)
  return {
    name,
    // Our texts have length √10: C = 10 is the same model on texts of length 1.
    request: { folder, name, form: 'text', C: 10 },
    run: async () => {
      const started = stopwatch()
      const matrix = await encode({ columns, train })
      return timed(matrix, target, { started, encode: started().cpu, l2: 1 })
    },
  }
}

export async function encode({ columns, train }: Pick<QualityRows, 'columns' | 'train'>): Promise<Matrix> {
  const encoding = fitEncoding(train.table, columns)
  const session = await openSession(encoding.trainingGraph().bytes)
  const matrix = await encodeTable(
    encoding,
    train.table,
    async (feeds, fetches) => (await session.run(feeds, { fetches })).outputs,
  )
  await session.close()
  return matrix
}

function stopwatch(): () => { wall: number; cpu: number } {
  const wall = performance.now()
  const cpu = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(cpu)
    return { wall: (performance.now() - wall) / 1000, cpu: (user + system) / 1e6 }
  }
}

interface Running {
  readonly started: ReturnType<typeof stopwatch>
  readonly encode: number
  readonly l2: number
}

async function timed(matrix: Matrix, target: ClassTarget, { started, encode, l2 }: Running): Promise<Timing> {
  const model = await ALGORITHMS.logistic_regression.fit({ matrix, target, hyperparameters: { l2, tolerance: 1e-4 } })
  const { wall, cpu } = started()
  const { values, width } = model.predict(matrix)
  let right = 0
  for (let row = 0; row < matrix.rows; row++) {
    const own = values.subarray(row * width, (row + 1) * width)
    if (own.indexOf(Math.max(...own)) === target.labels[row]) right++
  }
  return { wall, encode, fit: cpu - encode, iterations: model.iterations, right: right / matrix.rows }
}

export function synthetic(rows: number, cols: number): { matrix: Matrix; target: ClassTarget } {
  const random = seededRandom(1)
  const weights = Float64Array.from({ length: cols }, () => random.normal() / 2)
  const values = new Float32Array(rows * cols)
  const labels = new Int32Array(rows)
  for (let row = 0; row < rows; row++) {
    let score = -1
    for (let j = 0; j < cols; j++) {
      const value = random.normal()
      values[row * cols + j] = value
      score += weights[j]! * value
    }
    labels[row] = random.next() < 1 / (1 + Math.exp(-score)) ? 1 : 0
  }
  return {
    matrix: { form: 'dense', rows, cols, values },
    target: { task: 'classification', dtype: 'integer', classes: ['0', '1'], labels },
  }
}

export async function allProblems(folder: string, tables: Tables, data: string): Promise<Problem[]> {
  const rows = (name: string) => readRows(SETS.find((set) => set.name === name)!, tables, data)
  const adult = await rows('adult')
  const adultMatrix = await encode(adult)
  return [
    await matrixProblem(folder, 'dense-400000x30', { ...synthetic(400_000, 30), c: 1 }),
    await matrixProblem(folder, 'adult', { matrix: adultMatrix, target: adult.train.target as ClassTarget, c: 1 }),
    await textProblem(folder, 'sms-spam', await rows('sms-spam')),
    await textProblem(folder, 'nlbse24-issues', await rows('nlbse24-issues')),
    await textProblem(folder, 'clinc150', await rows('clinc150, intents')),
  ]
}
