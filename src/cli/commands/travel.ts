// The travel services from a shell: training them on what was recorded.
import { Argument, type Command } from 'commander'
import { TRAVEL_SERVICES, type TravelService } from '../../contract/travel.ts'
import { withService } from '../command.ts'
import { followJob } from '../follow-job.ts'
import type { CliHost } from '../host.ts'

interface TrainOptions {
  readonly seed?: string
  readonly wait: boolean
}

export function addTravelCommands(program: Command, host: CliHost): void {
  const travel = program.command('travel').description('match scoring, recommendations and send-time')
  travel
    .command('train')
    .description('train a service on the features and interactions of the tenant')
    .addArgument(new Argument('<service>', 'which service').choices(TRAVEL_SERVICES))
    .option('--seed <number>', 'seed of everything random')
    .option('--no-wait', 'return as soon as the training is accepted')
    .action((service: TravelService, { seed, wait }: TrainOptions, command: Command) =>
      withService(host, command, async (session) => {
        const { client, terminal } = session
        const training = await client.travel.train({ service, ...(seed !== undefined && { seed: Number(seed) }) })
        if (!wait) {
          terminal.result(training, () => training.message)
          return
        }
        terminal.say(training.message)
        const job = await followJob(session, training.job_id)
        const version = await client.versions.get({ model_id: training.model_id, version: training.version })
        terminal.result({ training, job, version }, () => job.message)
      }),
    )
}
