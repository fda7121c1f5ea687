// YAML with scalars left as text ("true", "1.20"), because a version number is no number.
import { parseDocument } from 'yaml'
import { fail } from '../../../core/failure.ts'

export type Yaml = string | readonly Yaml[] | ReadonlyMap<string, Yaml>

/** @throws `malformed` MLFLOW_MALFORMED with the line. */
export function parseYaml(text: string): Yaml {
  try {
    const document = parseDocument(text, { schema: 'failsafe' })
    const [problem] = [...document.errors, ...document.warnings]
    if (problem) throw problem
    return (document.toJS({ mapAsMap: true }) as Yaml | null) ?? ''
  } catch (error) {
    // Also what the reader has no room for: nesting without end, and aliases that multiply.
    const [why] = (error as Error).message.split('\n')
    throw fail('malformed', 'MLFLOW_MALFORMED', `The file MLmodel is no YAML: ${why?.replace(/:$/, '')}`, {
      cause: error,
    })
  }
}
