// Figures that are kept by the hundred (points of curves) are cut to six digits: nobody reads more, and they are stored
// with every version.

export function sixDigits(value: number): number {
  return Number(value.toPrecision(6))
}

/** Never above the value, which is not negative: a threshold that is rounded up loses the row it stands for. */
export function sixDigitsBelow(value: number): number {
  const near = sixDigits(value)
  return near <= value ? near : sixDigits(near - 10 ** (Math.floor(Math.log10(near)) - 5))
}
