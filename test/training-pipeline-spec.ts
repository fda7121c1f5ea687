// Builders for the tests of the training pipeline: a table as CSV text in, a complete spec out.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { ContractColumn, DataContract } from '../src/contract/datasets.ts'
import { systemClock } from '../src/core/clock.ts'
import { seededRandom } from '../src/core/random.ts'
import type { TrainingOutcome, TrainingSpec } from '../src/domain/training/pipeline/spec.ts'
import { type TrainOptions, train } from '../src/domain/training/pipeline/train.ts'
import { openTables } from '../src/tables/index.ts'

export interface SpecChoices extends Partial<Omit<TrainingSpec, 'evaluation'>> {
  readonly evaluation?: Partial<TrainingSpec['evaluation']>
  /** Changes to the columns of the inferred contract, by name. */
  readonly columns?: Readonly<Record<string, Partial<ContractColumn>>>
}

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

/** A fresh folder, removed after the tests of the file. */
export async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pipeline-'))
  folders.push(folder)
  return folder
}

export async function specOf(dataFile: string, target: string, choices: SpecChoices = {}): Promise<TrainingSpec> {
  const { columns = {}, evaluation, ...rest } = choices
  const outputDir = await tempFolder()
  const tables = openTables({ tempDir: outputDir })
  const { contract: inferred, reading } = await tables.inspect(dataFile)
  await tables.close()
  const contract: DataContract = {
    columns: inferred.columns.map((column) => ({ ...column, ...columns[column.name] })),
  }
  const modelType = rest.modelType ?? 'classification'
  return {
    dataFile,
    reading,
    contract,
    modelType,
    target,
    features: contract.columns.map((column) => column.name).filter((name) => name !== target),
    algorithm: modelType === 'classification' ? 'logistic_regression' : 'linear_regression',
    hyperparameters: {},
    evaluation: { test_fraction: 0.25, seed: 7, ...evaluation },
    outputDir,
    modelName: 'test-model',
    version: '1.0.0',
    ...rest,
  }
}

export async function csvSpec(csv: string, target: string, choices: SpecChoices = {}): Promise<TrainingSpec> {
  const dataFile = join(await tempFolder(), 'table.csv')
  await writeFile(dataFile, csv)
  return specOf(dataFile, target, choices)
}

export function run(spec: TrainingSpec, options: Partial<TrainOptions> = {}): Promise<TrainingOutcome> {
  return train(spec, { progress: () => {}, signal: new AbortController().signal, clock: systemClock, ...options })
}

export interface Customer {
  readonly age: number | ''
  readonly city: string
  readonly note: string
  readonly joined: string
  readonly member: boolean
  readonly plan: string
  readonly level: number
  readonly spent: number
}

/** Customers whose plan, level, membership and spending follow from the other columns, with noise and gaps. */
export function customers(rows: number, seed = 1): Customer[] {
  const random = seededRandom(seed)
  const cities = ['Oslo', 'Rome', 'Łódź']
  const words = ['slow', 'fast', 'broken', 'lovely', 'refund', 'thanks']
  return Array.from({ length: rows }, (_, i) => {
    const age = 18 + random.integer(60)
    const city = cities[random.integer(cities.length)]!
    const picked = [words[random.integer(6)]!, words[random.integer(6)]!]
    const score =
      (age - 48) / 12 + (city === 'Rome' ? 1.5 : 0) + (picked.includes('lovely') ? 1 : -0.5) + random.normal() / 2
    return {
      age: random.integer(20) === 0 ? '' : age,
      city,
      note: `It was ${picked.join(' and ')}, see line ${i % 7}`,
      joined: new Date(Date.UTC(2024, 0, 1) + i * 86_400_000).toISOString(),
      member: score > 0,
      plan: score > 1 ? 'gold' : score > -0.5 ? 'silver' : 'basic',
      level: score > 1 ? 10 : score > -0.5 ? 9 : -1,
      spent: Math.round(1000 + 300 * score) / 10,
    }
  })
}

export function csvOf(rows: readonly object[], names: readonly string[] = Object.keys(rows[0] ?? {})): string {
  const cell = (value: unknown) => `"${String(value ?? '').replaceAll('"', '""')}"`
  return [names, ...rows.map((row) => names.map((name) => (row as Record<string, unknown>)[name]))]
    .map((cells) => cells.map(cell).join(','))
    .join('\n')
}

export const INPUTS = ['age', 'city', 'note', 'joined'] as const

/** The customers as CSV, with the four input columns and one target. */
export const customersCsv = (target: keyof Customer, rows = 240) => csvOf(customers(rows), [...INPUTS, target])
