// What the lists of all groups have in common: how many, where to go on, and a hint where there is more.
import type { Command } from 'commander'
import type { MlClient } from '../client.ts'
import { withService } from './command.ts'
import type { CliHost } from './host.ts'
import { table } from './terminal.ts'

export interface Listing<T> {
  /** Plural, for the help. */
  readonly what: string
  readonly columns: readonly string[]
  /** `options` are those of the page and what the command has beside them. */
  readonly page: (
    client: MlClient,
    options: PageOptions,
  ) => Promise<{ readonly items: T[]; next_cursor: string | null }>
  /** What a line shows, by column; default: the item itself. */
  readonly row?: (item: T) => Readonly<Record<string, unknown>>
}

interface PageOptions {
  readonly limit: number
  readonly cursor?: string
}

interface Given {
  readonly limit: string
  readonly cursor?: string
}

/** @returns the command, for options of its own. */
export function addList<T extends Readonly<Record<string, unknown>>>(
  group: Command,
  host: CliHost,
  listing: Listing<T>,
): Command {
  return group
    .command('list')
    .description(`list ${listing.what}, newest first`)
    .option('--limit <number>', 'how many, at most 500', '50')
    .option('--cursor <cursor>', 'where an earlier list ended')
    .action(({ limit, ...others }: Given, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const page = await listing.page(client, { ...others, limit: Number(limit) })
        const { row = (item: T) => item } = listing
        terminal.result(page, () => table(page.items.map(row), listing.columns))
        if (page.next_cursor !== null) terminal.say(`There are more: --cursor ${page.next_cursor}`)
      }),
    )
}
