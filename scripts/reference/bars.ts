// Bars beside each other with the range of their rounds, as SVG written by hand.

export interface Bar {
  readonly name: string
  readonly median: number
  readonly range?: readonly [number, number]
}

const WIDTH = 640
const BAR = { left: 170, right: 560, height: 18, step: 30, top: 44 }
const OURS = '#1b6ca8'
const OTHERS = '#9aa5ad'

export function barChart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ median, range }) => range?.[1] ?? median))
  const across = (value: number) => Math.round(BAR.left + (value / most) * (BAR.right - BAR.left))
  const drawn = bars.flatMap(({ name, median, range }, place) => {
    const top = BAR.top + place * BAR.step
    const middle = top + BAR.height / 2
    const [low, high] = range ?? [median, median]
    return [
      `<text x="${BAR.left - 8}" y="${middle + 4}" text-anchor="end">${name}</text>`,
      `<rect x="${BAR.left}" y="${top}" width="${across(median) - BAR.left}" height="${BAR.height}" fill="${name.endsWith('Modelyard') ? OURS : OTHERS}"/>`,
      `<path d="M${across(low)} ${middle}H${across(high)}M${across(low)} ${middle - 4}v8M${across(high)} ${middle - 4}v8" stroke="#333333"/>`,
      `<text x="${across(high) + 8}" y="${middle + 4}">${median.toLocaleString('en')}</text>`,
    ]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${BAR.top + bars.length * BAR.step}" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="${BAR.left}" y="24" font-weight="bold">${title}</text>`,
    ...drawn,
    '</svg>\n',
  ].join('\n')
}
