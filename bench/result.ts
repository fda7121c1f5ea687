// How every benchmark reports: median with spread, printed and kept as JSON under bench/results.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const round = (value: number) => Number(value.toPrecision(4))
  return {
    median: round(sorted[sorted.length >> 1]!),
    min: round(sorted[0]!),
    max: round(sorted.at(-1)!),
  }
}

export async function writeResult(name: string, result: Readonly<Record<string, unknown>>): Promise<void> {
  const folder = join(import.meta.dirname, 'results')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`)
  for (const [key, value] of Object.entries(result)) {
    const text = isSpread(value) ? `${value.median}  (${value.min} – ${value.max})` : JSON.stringify(value)
    process.stdout.write(`${key}: ${text}\n`)
  }
}

function isSpread(value: unknown): value is Spread {
  return typeof value === 'object' && value !== null && 'median' in value
}
