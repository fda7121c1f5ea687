// Small things to work with: tables with something to learn in them, and models that have learned it.
import type { MlClient } from '../../src/client.ts'
import type { Dataset } from '../../src/contract/datasets.ts'
import type { ModelVersion } from '../../src/contract/models.ts'
import type { TrainAccepted, TrainingJob, TrainRequest } from '../../src/contract/training.ts'
import { seededRandom } from '../../src/core/random.ts'
import { addModel } from '../runtime-models.ts'

export type Row = Record<string, unknown>

export interface TableOptions {
  readonly rows?: number
  readonly seed?: number
  /** 0: the target follows from the columns; 1: it has nothing to do with them. */
  readonly noise?: number
}

/** Customers: numbers, a category, a gap here and there, and whether they bought (0/1). */
export function aTable({ rows = 120, seed = 1, noise = 0.1 }: TableOptions = {}): Row[] {
  const random = seededRandom(seed)
  return Array.from({ length: rows }, (_, i) => {
    const age = 20 + random.integer(50)
    const income = 1000 * (20 + random.integer(80))
    const city = ['Rome', 'Oslo', 'Bonn'][random.integer(3)]!
    const likes = age / 20 + income / 40_000 + (city === 'Oslo' ? 1 : 0) > 4.2
    const bought = random.next() < noise ? random.integer(2) : Number(likes)
    return { age, income: i % 17 === 5 ? null : income, city, bought }
  })
}

/** The same customers with three classes (words), or with a number to predict. */
export function aTableOf(target: 'classes' | 'number', options: TableOptions = {}): Row[] {
  const random = seededRandom((options.seed ?? 1) + 1000)
  return aTable(options).map(({ bought: _, ...row }) => {
    const value = Number(row.age) * 2 + (row.city === 'Oslo' ? 10 : 0) + random.normal()
    return { ...row, [target]: target === 'number' ? value : value < 70 ? 'low' : value < 110 ? 'mid' : 'high' }
  })
}

export function someTickets(rows = 90): Row[] {
  const random = seededRandom(5)
  const pick = (words: readonly string[]) => words[random.integer(words.length)]!
  return Array.from({ length: rows }, () => {
    const urgent = random.integer(2) === 1
    const what = pick(urgent ? ['server down', 'data lost', 'cannot log in'] : ['new colour', 'typo', 'feature wish'])
    const where = pick(['on the website', 'in the app', 'in the office', 'at the customer'])
    return { text: `${what} ${where}, seen ${random.integer(100)} times`, priority: urgent ? 'high' : 'low' }
  })
}

export const CUSTOMER = { age: 60, income: 90_000, city: 'Oslo' }

export function toCsv(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0]!)
  const cell = (value: unknown) => {
    const text = value === null || value === undefined ? '' : String(value)
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return [columns.join(','), ...rows.map((row) => columns.map((name) => cell(row[name])).join(','))].join('\n')
}

let made = 0

export function aDataset(client: MlClient, rows: readonly Row[] = aTable(), target = 'bought'): Promise<Dataset> {
  made++
  return client.datasets.create({ name: `table ${made}`, rows: [...rows] as Record<string, unknown>[], target })
}

export interface Trained extends TrainAccepted {
  readonly dataset_id: string
  readonly job: TrainingJob
}

/** Trains the simplest algorithm unless told otherwise, and waits; resolves with the job however it ended. */
export function train(client: MlClient, request: Partial<TrainRequest> & { dataset_id: string }): Promise<Trained> {
  const algorithm = request.model_type === 'regression' ? 'linear_regression' : 'logistic_regression'
  return trainChosen(client, { algorithm, ...request })
}

/** The same, the algorithm being chosen by comparison unless one is named. */
export async function trainChosen(
  client: MlClient,
  request: Partial<TrainRequest> & { dataset_id: string },
): Promise<Trained> {
  const accepted = await client.models.train({ model_name: 'customers', model_type: 'classification', ...request })
  return { ...accepted, dataset_id: request.dataset_id, job: await untilEnded(client, accepted.job_id) }
}

export async function untilEnded(client: MlClient, job_id: string): Promise<TrainingJob> {
  let last: TrainingJob | undefined
  for await (const { data } of client.training_jobs.events({ job_id })) last = data as TrainingJob
  return last ?? client.training_jobs.get({ job_id })
}

/** A model that is live, trained on `aTable`. */
export async function aTrainedModel(client: MlClient, request: Partial<TrainRequest> = {}): Promise<Trained> {
  const dataset_id = request.dataset_id ?? (await aDataset(client)).id
  const trained = await train(client, { ...request, dataset_id })
  if (trained.job.status !== 'succeeded') throw new Error(`The training ${trained.job.status}: ${trained.job.error}`)
  return trained
}

/**
 * A regression that answers x + `amount`, imported and (unless told otherwise) made live: a model in a second, where what it
 * learned does not matter.
 */
export async function anAddingModel(client: MlClient, options: AddingModelOptions = {}): Promise<ModelVersion> {
  const { name = 'adder', amount = 1, version, environment, live = true } = options
  const known = await client.models.get({ model_id: name }).catch(() => undefined)
  const { id } = known ?? (await client.models.create({ name, type: 'regression' }))
  const file = addModel(amount)
  const number = version !== undefined && { version }
  const imported = await client.versions.import({ model_id: id, file, trusted: true, ...number })
  const place = { model_id: id, version: imported.version, ...(environment !== undefined && { environment }) }
  if (live) await client.models.deploy(place)
  return imported
}

export interface AddingModelOptions {
  readonly name?: string
  readonly amount?: number
  readonly version?: string
  readonly environment?: string
  readonly live?: boolean
}
