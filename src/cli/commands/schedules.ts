import { Argument, type Command, Option } from 'commander'
import { RUN_STATUSES, type RunStatus, type Schedule, type ScheduledOperation } from '../../contract/schedules.ts'
import { fail } from '../../core/failure.ts'
import { withService } from '../command.ts'
import type { CliHost } from '../host.ts'
import { addList } from '../listing.ts'
import { fieldsTable, table } from '../terminal.ts'
import { parseFields } from '../values.ts'

const STARTS = { train: 'models.train', batch: 'batch_jobs.create' } as const satisfies Record<
  string,
  ScheduledOperation
>

interface CreateOptions {
  readonly cron?: string
  readonly timeZone?: string
  readonly dataset?: string
  readonly event?: string
  readonly match?: string[]
  readonly take?: string[]
  readonly paused?: true
}

export function addScheduleCommands(program: Command, host: CliHost): void {
  const schedules = program.command('schedules').description('start trainings and batch jobs by the clock or by events')
  addCreate(schedules, host)
  addList(schedules, host, {
    what: 'schedules',
    columns: ['id', 'name', 'operation', 'cron', 'event', 'active', 'next_run_at'],
    page: (client, options) => client.schedules.list(options),
    row: (schedule) => ({ ...schedule, event: schedule.event?.type ?? null }),
  })
  schedules
    .command('show')
    .description('one schedule')
    .argument('<id>')
    .action((id: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const schedule = await client.schedules.get({ schedule_id: id })
        terminal.result(schedule, () => fieldsTable(schedule))
      }),
    )
  addScheduleChanges(schedules, host)
  addRunCommands(schedules, host)
}

function addCreate(schedules: Command, host: CliHost): void {
  schedules
    .command('create')
    .description('have a training or a batch job started again and again')
    .argument('<name>', 'what it is for')
    .addArgument(new Argument('<what>', 'what is started').choices(Object.keys(STARTS)))
    .argument('<request...>', '\'{"model_name": "churn"}\', or model_name=churn dataset_id=dataset_…')
    .option('--cron <expression>', 'when: minute, hour, day of month, month, day of week')
    .option('--time-zone <zone>', 'zone of --cron, such as Europe/Berlin; default: UTC')
    .option('--dataset <name>', 'take the newest dataset of this name')
    .option('--event <type>', 'start it when this event comes')
    .option('--match <field=value...>', 'what the data of the event must hold')
    .option('--take <fields...>', 'members of the data of the event that become fields of the request')
    .option('--paused', 'do not start it before it is resumed')
    .action((name: string, what: keyof typeof STARTS, request: string[], options: CreateOptions, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const schedule = await client.schedules.create({
          name,
          operation: STARTS[what],
          input: parseFields(request, 'The request'),
          ...whenOf(options),
        })
        terminal.result(schedule, () => sentence(schedule))
      }),
    )
}

function whenOf({ cron, timeZone, dataset, event, match, take, paused }: CreateOptions) {
  if (event === undefined && (match ?? take) !== undefined) {
    throw fail('invalid', 'OPTION_INVALID', '--match and --take are about an event; add --event')
  }
  const started = event !== undefined && {
    event: {
      type: event,
      ...(match !== undefined && { match: parseFields(match, 'What must match') }),
      ...(take !== undefined && { take }),
    },
  }
  return {
    ...(cron !== undefined && { cron }),
    ...(timeZone !== undefined && { time_zone: timeZone }),
    ...(dataset !== undefined && { dataset_name: dataset }),
    ...started,
    ...(paused && { active: false }),
  }
}

function sentence({ id, active, event, next_run_at }: Schedule): string {
  if (!active) return `${id} is paused`
  const when = [next_run_at && `next at ${next_run_at}`, event && `at every ${event.type}`].filter(Boolean)
  return `${id} runs ${when.join(' and ') || 'when it is told to'}`
}

function addScheduleChanges(schedules: Command, host: CliHost): void {
  const change = (name: string, active: boolean, description: string) =>
    schedules
      .command(name)
      .description(description)
      .argument('<id>')
      .action((id: string, _options: unknown, command: Command) =>
        withService(host, command, async ({ client, terminal }) => {
          const schedule = await client.schedules.update({ schedule_id: id, active })
          terminal.result(schedule, () => sentence(schedule))
        }),
      )
  change('pause', false, 'start nothing until it is resumed')
  change('resume', true, 'go on; what it missed is not made up for')
  schedules
    .command('delete')
    .description('delete a schedule; jobs that it started go on')
    .argument('<id>')
    .action((id: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const deleted = await client.schedules.delete({ schedule_id: id })
        terminal.result(deleted, () => `${deleted.id} is deleted`)
      }),
    )
}

function addRunCommands(schedules: Command, host: CliHost): void {
  schedules
    .command('run')
    .description('start it now, whatever its clock says')
    .argument('<id>')
    .action((id: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const run = await client.schedules.run({ schedule_id: id })
        terminal.result(run, () => `${run.id} is ${run.status}`)
      }),
    )
  schedules
    .command('runs')
    .description('what a schedule has started, newest first')
    .argument('<id>')
    .addOption(new Option('--status <status>', 'only runs in this state').choices(RUN_STATUSES))
    .option('--limit <number>', 'how many', '20')
    .action((id: string, { status, limit }: { status?: RunStatus; limit: string }, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const page = await client.schedules.runs({
          schedule_id: id,
          limit: Number(limit),
          ...(status !== undefined && { status }),
        })
        terminal.result(page, () => table(page.items, ['id', 'due_at', 'status', 'job_id', 'event_id', 'error']))
      }),
    )
}
