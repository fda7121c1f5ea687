// Figures that are kept by the hundred (points of curves) are cut to six digits: nobody reads more, and they are stored
// with every version.

export function sixDigits(value: number): number {
  return Number(value.toPrecision(6))
}
