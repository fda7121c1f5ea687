// JSON documents on their way into a jsonb column. They travel as text, because the drivers would otherwise send a
// JavaScript array as a PostgreSQL array; the brand makes a forgotten conversion a type error.

declare const jsonText: unique symbol
export type JsonText = string & { readonly [jsonText]: true }

/** What `JSON.stringify` writes for characters that jsonb refuses: NUL and lone halves of surrogate pairs. */
const REFUSED = /\\u(?:0000|d[89a-f][0-9a-f]{2})/

/** The text of a document. NUL and broken surrogates, which PostgreSQL cannot store, become U+FFFD. */
export function json(value: unknown): JsonText {
  const text = JSON.stringify(value ?? null)
  return (REFUSED.test(text) ? JSON.stringify(storable(value)) : text) as JsonText
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('\u0000', '\uFFFD').toWellFormed()
  if (Array.isArray(value)) return value.map(storable)
  if (value === null || typeof value !== 'object') return value
  if ('toJSON' in value) return storable(JSON.parse(JSON.stringify(value)))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [storable(key), storable(item)]))
}
