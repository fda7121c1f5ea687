// What every command shares: global options, a connection, and errors as exit codes.
import { type Command, CommanderError } from 'commander'
import type { MlClient } from '../client.ts'
import { asFailure, type FailureKind, type FieldError, type MlError, shownDetails } from '../core/failure.ts'
import type { CliHost, Flags } from './host.ts'
import { createTerminal, type Terminal } from './terminal.ts'

/** A user's mistake is 2, a failure 1. */
const EXIT_CODE: Readonly<Record<FailureKind, 1 | 2>> = {
  invalid: 2,
  malformed: 2,
  unauthenticated: 2,
  forbidden: 2,
  not_found: 2,
  conflict: 2,
  too_large: 2,
  limited: 1,
  unavailable: 1,
  internal: 1,
}

/** Ends a command whose result has already said what is wrong: with --json there is one document, not two. */
export class AlreadySaid extends Error {
  readonly exitCode: 1 | 2

  constructor(exitCode: 1 | 2) {
    super('The result says what is wrong')
    this.exitCode = exitCode
  }
}

export interface GlobalOptions {
  readonly json?: boolean
  readonly url?: string
  readonly tenant?: string
  readonly dataDir?: string
}

export interface Session {
  readonly client: MlClient
  readonly terminal: Terminal
  readonly url: string
  /** The service was started for this command alone. */
  readonly started: boolean
}

/** Runs `work` against the service that is running, else against one started for the time of the command. */
export async function withService(
  host: CliHost,
  command: Command,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>()
  const terminal = createTerminal(options.json ?? false)
  const connection = await host.connect({ url: options.url, tenant: options.tenant, flags: flagsOf(host, options) })
  try {
    const { client, url, started } = connection
    await work({ client, terminal, url, started })
  } finally {
    terminal.endProgress()
    await connection.close()
  }
}

/** The options of a command that are settings. */
export function flagsOf(host: CliHost, given: object): Flags {
  const options = given as Readonly<Record<string, unknown>>
  return Object.fromEntries(
    host.settings.flatMap(({ key }) =>
      options[key] === undefined ? [] : [[key, options[key] as string | boolean] as const],
    ),
  )
}

/** Says what went wrong, with every broken rule on a line of its own. @returns the exit code. */
export function report(error: unknown, json: boolean): number {
  if (error instanceof AlreadySaid) return error.exitCode
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const failure = asFailure(error)
  const terminal = createTerminal(json)
  if (json) {
    const { code, message } = failure
    const details = shownDetails(failure)
    process.stdout.write(
      `${JSON.stringify({ error_code: code, error: message, ...(details && { details }) }, null, 2)}\n`,
    )
  } else {
    terminal.error(`${failure.message}`)
    for (const line of detailLines(failure)) terminal.error(`  ${line}`)
  }
  return EXIT_CODE[failure.kind]
}

const MOST_LINES = 20

function detailLines({ details }: MlError): string[] {
  const errors = (details?.errors ?? []) as readonly FieldError[]
  const findings = (details?.findings ?? []) as readonly {
    row: number | null
    column: string
    rule: string
    value: string | null
  }[]
  const lines = [
    ...(errors.length > 1 ? errors.map(({ field, message }) => `${field} ${message}`) : []),
    // What is wrong with the file as a whole is the message itself.
    ...findings
      .filter(({ row, column }) => row !== null || column !== '')
      .map(({ row, column, rule, value }) =>
        [
          row === null ? 'the file' : `row ${row}`,
          `column "${column}"`,
          rule,
          value === null ? '' : JSON.stringify(value),
        ]
          .filter(Boolean)
          .join(', '),
      ),
  ]
  return lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES), `… and ${lines.length - MOST_LINES} more`] : lines
}
