// Looks a name of a stranger up in a plain object: `constructor` and `toString` are names that people give to columns, features and
// events, and every object inherits something under them.

/** The value under the object's own key; undefined where it has none. */
export function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined
}
