// JSON as HTTP has it besides the usual reading (core/json): numbers of any size in, and out BigInt with all its digits.

/** Like `parseJson`, but whole numbers beyond 2^53 become BigInt. Slow: for texts that are known to have such numbers. */
export function parseLossless(text: string): unknown {
  return parseWithSource(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text, (_key, value, { source }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source)
      ? BigInt(source)
      : value,
  )
}

/** Any value as JSON text: NaN and the infinities become null, a BigInt a number with all its digits. */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch (error) {
    if (!(error instanceof TypeError && error.message.includes('BigInt'))) throw error
    return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? rawNumber(item) : item))
  }
}

// In every supported Node.js, but not yet in TypeScript's library.
const { rawJSON, parse: parseWithSource } = JSON as unknown as {
  rawJSON(text: string): unknown
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
}

function rawNumber(value: bigint): unknown {
  return rawJSON(value.toString())
}
