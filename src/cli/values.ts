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

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
