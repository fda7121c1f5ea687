// A plot of a few lines, both axes logarithmic, as SVG written by hand: what the documentation shows of a benchmark. On such axes a
// cost that grows with the size is a line of slope one, and whatever is flatter grows more slowly.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Plot {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly lines: readonly { readonly name: string; readonly points: readonly (readonly [number, number])[] }[]
}

const [WIDTH, HEIGHT] = [640, 360]
const BOX = { left: 70, right: 620, top: 44, bottom: 300 }
const COLOURS = ['#1b6ca8', '#c0392b', '#2e7d32']

/** Writes `docs/images/NAME.svg`. */
export async function writePlot(name: string, plot: Plot): Promise<void> {
  const folder = join(import.meta.dirname, '../docs/images')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${name}.svg`), drawn(plot))
}

function drawn({ title, x, y, lines }: Plot): string {
  const points = lines.flatMap((line) => line.points)
  const across = axis(
    points.map(([at]) => at),
    [BOX.left, BOX.right],
  )
  const up = axis(
    points.map(([, at]) => at),
    [BOX.bottom, BOX.top],
  )
  const ticks = [
    ...across.ticks.map(
      (at) => text(across.place(at), BOX.bottom + 20, shown(at), 'middle') + rule(across.place(at), 'x'),
    ),
    ...up.ticks.map((at) => text(BOX.left - 8, up.place(at) + 4, shown(at), 'end') + rule(up.place(at), 'y')),
  ]
  const drawnLines = lines.map(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length]!
    const places = points.map(([px, py]) => `${round(across.place(px))},${round(up.place(py))}`)
    const dots = places.map(
      (place) => `<circle cx="${place.split(',')[0]}" cy="${place.split(',')[1]}" r="3" fill="${colour}"/>`,
    )
    const line = `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`
    return `${line}${dots.join('')}${text(BOX.left + 12, BOX.top + 18 + 18 * index, name, 'start', colour)}`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(BOX.left, 24, title, 'start'),
    ...ticks,
    text((BOX.left + BOX.right) / 2, BOX.bottom + 44, x, 'middle'),
    text(16, BOX.top - 4, y, 'start'),
    ...drawnLines,
    '</svg>\n',
  ].join('\n')
}

/** Powers of ten around the values. */
function axis(values: readonly number[], [from, to]: readonly [number, number]) {
  const [low, high] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))]
  const place = (value: number) => from + ((Math.log10(value) - low) / Math.max(1, high - low)) * (to - from)
  return { place, ticks: Array.from({ length: high - low + 1 }, (_, step) => 10 ** (low + step)) }
}

const round = (value: number) => Number(value.toFixed(1))
const shown = (value: number) => (value >= 1 ? value.toLocaleString('en') : String(Number(value.toPrecision(3))))

function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end', colour = '#333333'): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${colour}">${escaped(words)}</text>`
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function rule(at: number, axis: 'x' | 'y'): string {
  const [x1, y1, x2, y2] = axis === 'x' ? [at, BOX.top, at, BOX.bottom] : [BOX.left, at, BOX.right, at]
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="#dddddd"/>`
}
