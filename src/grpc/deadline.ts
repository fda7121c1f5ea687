// How long a caller over gRPC waits, as its header says.

const MS_A_UNIT: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }
/** Timers take no more. */
const LONGEST_MS = 2 ** 31 - 1

/** Undefined where it waits for ever, NaN where the header is none. */
export function deadlineMsOf(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined
  const found = /^(\d{1,8})([HMSmun])$/.exec(String(header))
  if (!found) return Number.NaN
  return Math.min(LONGEST_MS, Number(found[1]) * MS_A_UNIT[found[2]!]!)
}
