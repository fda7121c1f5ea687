import { type Command, Option } from 'commander'
import { EVENT_TYPES } from '../../contract/service.ts'
import { DELIVERY_STATUSES, type DeliveryStatus, type Webhook } from '../../contract/webhooks.ts'
import { withService } from '../command.ts'
import type { CliHost } from '../host.ts'
import { addList } from '../listing.ts'
import { fieldsTable, table } from '../terminal.ts'

type Events = Webhook['events']

export function addWebhookCommands(program: Command, host: CliHost): void {
  const webhooks = program
    .command('webhooks')
    .description('have events sent to an address, and see what became of them')
  webhooks
    .command('create')
    .description('send events to an address; the secret of the signatures is shown this once')
    .argument('<url>')
    .addOption(new Option('--events <types...>', 'only these; default: all').choices(EVENT_TYPES))
    .option('--description <text>', 'what it is for')
    .action((url: string, options: { events?: Events; description?: string }, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const webhook = await client.webhooks.create({ url, ...options })
        terminal.result(webhook, () => `${webhook.id} sends to ${webhook.url}\nSecret: ${webhook.secret}`)
      }),
    )
  addList(webhooks, host, {
    what: 'webhooks',
    columns: ['id', 'url', 'events', 'active', 'description'],
    page: (client, options) => client.webhooks.list(options),
    row: ({ events, ...webhook }) => ({ ...webhook, events: events.join(' ') || 'all' }),
  })
  webhooks
    .command('show')
    .description('one webhook')
    .argument('<id>')
    .action((id: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const webhook = await client.webhooks.get({ webhook_id: id })
        terminal.result(webhook, () => fieldsTable(webhook))
      }),
    )
  addWebhookChanges(webhooks, host)
  addDeliveryCommands(webhooks, host)
}

function addWebhookChanges(webhooks: Command, host: CliHost): void {
  const change = (name: string, active: boolean, description: string) =>
    webhooks
      .command(name)
      .description(description)
      .argument('<id>')
      .action((id: string, _options: unknown, command: Command) =>
        withService(host, command, async ({ client, terminal }) => {
          const webhook = await client.webhooks.update({ webhook_id: id, active })
          terminal.result(webhook, () => `${webhook.id} is ${webhook.active ? 'sent new events' : 'paused'}`)
        }),
      )
  change('pause', false, 'send it no new events; what is on its way goes on')
  change('resume', true, 'send it new events again; those it missed are not made up for')
  webhooks
    .command('rotate')
    .description('replace the secret; the one before it signs too for a while')
    .argument('<id>')
    .option('--overlap-hours <hours>', 'for how long; 0 ends all old ones now, as after a leak', '24')
    .action((id: string, { overlapHours }: { overlapHours: string }, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const webhook = await client.webhooks.rotate({ webhook_id: id, overlap_hours: Number(overlapHours) })
        const until = webhook.old_secrets_until
        const old = until === null ? 'The old one signs no more' : `The old one signs too until ${until}`
        terminal.result(webhook, () => `Secret: ${webhook.secret}\n${old}`)
      }),
    )
  webhooks
    .command('delete')
    .description('delete a webhook with its log and all that is on its way')
    .argument('<id>')
    .action((id: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const deleted = await client.webhooks.delete({ webhook_id: id })
        terminal.result(deleted, () => `${deleted.id} is deleted`)
      }),
    )
}

function addDeliveryCommands(webhooks: Command, host: CliHost): void {
  webhooks
    .command('deliveries')
    .description('what was sent to a webhook, newest first')
    .argument('<id>')
    .addOption(new Option('--status <status>', 'only those in this state').choices(DELIVERY_STATUSES))
    .option('--limit <number>', 'how many', '20')
    .action((id: string, { status, limit }: { status?: DeliveryStatus; limit: string }, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const page = await client.webhooks.deliveries({
          webhook_id: id,
          limit: Number(limit),
          ...(status !== undefined && { status }),
        })
        const columns = ['id', 'event_type', 'status', 'attempts', 'last_status', 'last_error', 'created_at']
        terminal.result(page, () => table(page.items, columns))
      }),
    )
  webhooks
    .command('replay')
    .description('send again what was given up, or one delivery whatever became of it')
    .argument('<id>')
    .option('--delivery <id>', 'this one; default: all that were given up')
    .action((id: string, { delivery }: { delivery?: string }, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const replayed = await client.webhooks.replay({
          webhook_id: id,
          ...(delivery !== undefined && { delivery_id: delivery }),
        })
        terminal.result(replayed, () => `${replayed.count} will be sent again`)
      }),
    )
}
