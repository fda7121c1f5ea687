import { type Command, Option } from 'commander'
import { JOB_STATUSES } from '../../contract/training.ts'
import { withService } from '../command.ts'
import { followJob } from '../follow-job.ts'
import type { CliHost } from '../host.ts'
import { addList } from '../listing.ts'
import { fieldsTable } from '../terminal.ts'

export function addJobCommands(program: Command, host: CliHost): void {
  const jobs = program.command('jobs').description('look at training jobs, follow and cancel them')
  addList(jobs, host, {
    what: 'training jobs',
    columns: ['id', 'model_id', 'version', 'status', 'done', 'message'],
    page: (client, options) => client.training_jobs.list(options),
    row: (job) => ({ ...job, done: `${Math.round(job.progress * 100)}%` }),
  }).addOption(new Option('--status <status>', 'only jobs in this state').choices(JOB_STATUSES))
  jobs
    .command('show')
    .description('one training job')
    .argument('<id>')
    .action((id: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const job = await client.training_jobs.get({ job_id: id })
        terminal.result(job, () => fieldsTable(job))
      }),
    )
  jobs
    .command('follow')
    .description('watch a training job to its end')
    .argument('<id>')
    .action((id: string, _options: unknown, command: Command) =>
      withService(host, command, async (session) => {
        const job = await followJob(session, id)
        session.terminal.result(job, () => job.message)
      }),
    )
  jobs
    .command('cancel')
    .description('stop a queued or running job')
    .argument('<id>')
    .action((id: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const job = await client.training_jobs.cancel({ job_id: id })
        terminal.result(job, () => (job.status === 'cancelled' ? 'Cancelled' : 'The worker is being told to stop'))
      }),
    )
}
