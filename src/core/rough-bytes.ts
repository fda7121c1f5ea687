// How much memory a value of JSON holds, about: for what is kept in bounded number, where one may be as long as a request.

const ITEM_BYTES = 16

/** Of texts their letters; of everything else about what a process of Node.js keeps for it. */
export function roughBytes(value: unknown): number {
  if (typeof value === 'string') return ITEM_BYTES + value.length
  if (value === null || typeof value !== 'object') return ITEM_BYTES
  let bytes = ITEM_BYTES
  if (Array.isArray(value)) {
    for (const item of value) bytes += roughBytes(item)
    return bytes
  }
  for (const key in value) bytes += key.length + roughBytes((value as Readonly<Record<string, unknown>>)[key])
  return bytes
}
