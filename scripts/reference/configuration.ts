// docs/reference/configuration.md, from the schema of the configuration.
import { ALIASES, ConfigSchema, envName } from '../../src/config.ts'
import { code, page, table } from './markdown.ts'

interface SettingSchema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly default?: unknown
  readonly description?: string
  readonly minimum?: number
  readonly maximum?: number
}

export function configurationPage(): string {
  const settings = Object.entries(ConfigSchema.properties) as [string, SettingSchema][]
  return page(
    '# Configuration',
    'Every setting is an environment variable, a flag of `serve`, `worker` and `config`, and a key of `configOverrides`. A flag ' +
      'wins over the environment. The JSON file that `createMlService({ configFile })` takes holds the keys and loses to both. ' +
      'Booleans are written `true`/`false`, `1`/`0`, `yes`/`no` or `on`/`off`; an empty variable counts as unset. All bad values ' +
      'stop the start together, each named. `modelyard config` shows what is in force, with secrets masked.',
    table(
      ['Variable', 'Key', 'Flag', 'Values', 'Default', 'Meaning'],
      settings.map(([key, schema]) => [
        variables(key),
        code(key),
        key === 'dataDir' ? code('--data-dir') : code(flag(key)),
        values(schema),
        schema.default === undefined ? '–' : code(String(schema.default)),
        schema.description ?? '',
      ]),
    ),
  )
}

function variables(key: string): string {
  const older = Object.entries(ALIASES).flatMap(([name, of]) => (of === key ? [name] : []))
  return [envName(key), ...older].map(code).join(' or ')
}

function flag(key: string): string {
  return `--${key.replaceAll(/([A-Z])/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function values({ type, enum: words, minimum, maximum }: SettingSchema): string {
  if (words) return words.map(code).join(', ')
  if (type === 'integer') return minimum === undefined ? 'integer' : `integer, ${minimum} to ${maximum ?? '…'}`
  return type === 'string' ? 'text' : (type ?? '')
}
