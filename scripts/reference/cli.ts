// docs/reference/cli.md, from the program that the command line runs.
import type { Command } from 'commander'
import { createCliHost } from '../../src/app/cli-host.ts'
import { createProgram } from '../../src/cli/index.ts'
import { code, page, table } from './markdown.ts'

/** `worker` and `config` take what `serve` takes; it is listed once. */
const SETTINGS_SHOWN_AT = 'serve'

export function cliPage(): string {
  const host = createCliHost()
  const program = createProgram(host)
  const settings = new Set(host.settings.map(({ key }) => key))
  return page(
    '# Command line',
    `${program.description()} In a checkout the program is \`node_modules/.bin/node src/main.ts\`, installed it is \`modelyard\`.`,
    'A command talks to the service at `--url`, else to the one that runs on the data folder, else it starts one for its own time. Results ' +
      'go to standard output, everything said along the way to standard error. The exit code is 0, 2 for a mistake of the user, or ' +
      '1 for a failure.',
    '## Options of every command',
    options(program),
    ...program.commands.flatMap((command) => section(command, { prefix: 'modelyard', settings })),
  )
}

interface Place {
  readonly prefix: string
  readonly settings: ReadonlySet<string>
}

function section(command: Command, { prefix, settings }: Place): string[] {
  const name = `${prefix} ${command.name()}`
  if (command.commands.length > 0) {
    return [
      `## ${name}`,
      sentence(command.description()),
      ...command.commands.flatMap((inner) => section(inner, { prefix: name, settings }).map(deeper)),
    ]
  }
  const words = command.registeredArguments.map((argument) => {
    const inner = argument.variadic ? `${argument.name()}...` : argument.name()
    return argument.required ? `<${inner}>` : `[${inner}]`
  })
  const described = command.registeredArguments.filter((argument) => argument.description !== '')
  return [
    `## ${[name, ...words].join(' ')}`,
    sentence(command.description()),
    ...(described.length > 0
      ? [
          table(
            ['Argument', 'Meaning'],
            described.map((argument) => [code(argument.name()), argument.description]),
          ),
        ]
      : []),
    ...optionsOf(command, settings),
  ]
}

function optionsOf(command: Command, settings: ReadonlySet<string>): string[] {
  const takesSettings = command.options.some((option) => settings.has(option.attributeName()))
  if (takesSettings && command.name() !== SETTINGS_SHOWN_AT) return [`Takes the options of \`${SETTINGS_SHOWN_AT}\`.`]
  return command.options.length > 0 ? [options(command)] : []
}

function options(command: Command): string {
  return table(
    ['Option', 'Meaning'],
    command.options
      .filter((option) => !option.hidden)
      .map(({ flags, description, defaultValue, argChoices }) => [
        code(flags),
        [
          description,
          ...(argChoices ? [`one of ${argChoices.join(', ')}`] : []),
          ...(typeof defaultValue === 'string' ? [`default: ${defaultValue}`] : []),
        ].join('; '),
      ]),
  )
}

function deeper(part: string): string {
  return part.startsWith('## ') ? `#${part}` : part
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
