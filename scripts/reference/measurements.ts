// docs/reference/measurements.md, from bench/results.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { barChart } from './bars.ts'
import { page, table } from './markdown.ts'
import { type Measured, PARTS } from './measured.ts'

interface Figure {
  readonly median: number
  /** Least and most of the rounds, where there were several. */
  readonly range?: readonly [number, number]
}

type Results = Readonly<Record<string, unknown>>

/** The page and the picture in it, by the names of their files. */
export async function measurementPages(root: string): Promise<Record<string, string>> {
  const files = [...new Set(PARTS.flatMap(({ rows }) => rows.map(({ file }) => file)))]
  const read = async (file: string) =>
    [file, JSON.parse(await readFile(join(root, `bench/results/${file}.json`), 'utf8')) as Results] as const
  const results = new Map(await Promise.all(files.map(read)))
  const figure = (row: Measured) => figureOf(results.get(row.file)!, row)
  const parts = PARTS.flatMap(({ title, text, rows }) => [
    `## ${title}`,
    text,
    ...(title === 'Serving' ? ['![Predictions a second](serving.svg)'] : []),
    table(
      ['What', 'Median', 'Range', 'Aim', 'Reached'],
      rows.map((row) => cellsOf(row, figure(row))),
    ),
  ])
  const bar = (name: string, at: string) => ({
    name,
    ...figure({ what: name, file: 'load-serving', at: [at], unit: '/s' }),
  })
  return {
    'measurements.md': page(
      '# Measurements',
      'Medians of the rounds of a benchmark with their range (–: one figure), made from [bench/results](../../bench/results) by `npm run reference`. Each benchmark runs what it is ' +
        'compared with in turns in the same run, on two cores that also make the load; [bench](../../bench/README.md) says how to repeat it. Compare ' +
        'ratios between machines, not times.',
      ...parts,
    ),
    'serving.svg': barChart('Predictions a second, 64 connections, two cores', [
      bar('tensors: Modelyard', 'v2 service per second'),
      bar('tensors: bare node:http', 'v2 floor per second'),
      bar('tensors: FastAPI', 'v2 peer per second'),
      bar('columns: Modelyard', 'named service per second'),
      bar('columns: FastAPI', 'named peer per second'),
    ]),
  }
}

function cellsOf({ what, unit, aim }: Measured, { median, range }: Figure): string[] {
  const measured = [
    what,
    `${shown(median)}${unit}`,
    range && range[0] < range[1] ? `${shown(range[0])} – ${shown(range[1])}` : '–',
  ]
  if (!aim) return [...measured, '–', '–']
  if ('least' in aim) return [...measured, `≥ ${shown(aim.least)}${unit}`, median >= aim.least ? 'yes' : '**no**']
  return [...measured, `≤ ${shown(aim.most)}${unit}`, median <= aim.most ? 'yes' : '**no**']
}

function shown(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: Math.abs(value) < 10_000 ? 4 : 5 })
}

function figureOf(results: Results, { file, at }: Measured): Figure {
  let found: unknown = results
  for (const name of at) found = (found as Results | undefined)?.[name]
  if (typeof found === 'number') return { median: found }
  const { median, min, max } = (found ?? {}) as Partial<Record<string, number>>
  if (median === undefined || min === undefined || max === undefined) {
    throw new Error(`bench/results/${file}.json has no figure at ${at.join(' → ')}`)
  }
  return { median, range: [min, max] }
}
