// `name=value` as a person types it: numbers, true/false/null and JSON are recognised, everything else is text.
import { fail } from '../core/failure.ts'

export function parseAssignments(pairs: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at <= 0) throw fail('invalid', 'ASSIGNMENT_INVALID', `"${pair}" must be name=value`)
      return [pair.slice(0, at), parseValue(pair.slice(at + 1))]
    }),
  )
}

/** One JSON document, or `name=value` words. */
export function parseFields(words: readonly string[], what: string): Record<string, unknown> {
  const [only] = words
  if (words.length === 1 && /^\s*[[{]/.test(only!)) return parseJson(only!, what) as Record<string, unknown>
  return parseAssignments(words)
}

/** `what` begins the sentence that says what is not JSON. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw fail('malformed', 'MALFORMED_JSON', `${what} is not valid JSON: ${(cause as Error).message}`, { cause })
  }
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
