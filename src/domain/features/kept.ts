// What was kept in the cache, read so that garbage there is nothing there: the cache is a copy, and whoever else writes to it must
// not be able to fail a request.

/** Undefined where it is no JSON. */
export function readKept<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}
