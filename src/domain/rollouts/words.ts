// Figures as people read them.

export function percent(share: number): string {
  return `${round(share * 100, 2)} %`
}

export function milliseconds(ms: number): string {
  return `${round(ms, ms < 10 ? 2 : 0)} ms`
}

export function round(value: number, digits: number): number {
  const scale = 10 ** digits
  return Math.round(value * scale) / scale
}

/** Four significant digits. */
export function short(value: number): string {
  return String(Number(value.toPrecision(4)))
}

export function probability(p: number): string {
  return p < 0.0001 ? 'p < 0.0001' : `p = ${Number(p.toPrecision(2))}`
}
