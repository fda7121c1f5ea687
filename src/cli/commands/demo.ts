// The tour: sample data is made, trained on, promoted and predicted with, all through the public API, and every step is said.
import type { Command } from 'commander'
import { fail } from '../../core/failure.ts'
import { type Session, withService } from '../command.ts'
import { CUSTOMER_CONTRACT, customersOfDay, SAMPLE_DAYS } from '../demo/customers.ts'
import { sampleTickets } from '../demo/tickets.ts'
import { travelTour } from '../demo/travel-tour.ts'
import { untilLive } from '../demo/until-live.ts'
import type { CliHost } from '../host.ts'

const CUSTOMERS = 'customer_value'
const TICKETS = 'ticket_classifier'

export function addDemoCommand(program: Command, host: CliHost): void {
  program
    .command('demo')
    .description('train, promote and predict on sample data, and say what happens')
    .option('--train <day>', 'only train on one sample day, such as day_12.csv')
    .action(({ train }: { train?: string }, command: Command) =>
      withService(host, command, (session) => (train === undefined ? tour(session) : day(session, train))),
    )
}

async function tour(session: Session): Promise<void> {
  const { client, terminal } = session
  const said: string[] = []
  const say = (line: string) => {
    said.push(line)
    terminal.say(line)
  }
  say('1. A table: customers of a bank, day by day, with a slow drift')
  const first = await trainDay(session, SAMPLE_DAYS[0]!)
  say(`   ${first.message}`)
  const later = await trainDay(session, SAMPLE_DAYS.at(-1)!)
  say(`   ${later.message}`)
  const customer = { age: 42, income: 52_000, account_balance: 3100, transactions_last_30d: 14, is_premium: 1 }
  const value = await client.predict_model({ model_id: CUSTOMERS, input_data: customer })
  say(`   POST /predict/${CUSTOMERS} ${JSON.stringify(customer)}`)
  say(`   → ${JSON.stringify(value)}`)

  say('2. Text: support tickets, from title and description to a priority')
  const trained = await trainTickets(session)
  say(`   ${trained.message}`)
  const input_data = { ticket_title: 'Server down', ticket_description: 'Production server is not responding' }
  const priority = await client.models.predict({ model_id: TICKETS, input_data })
  say(`   POST /api/v1/ml/models/${TICKETS}/predict ${JSON.stringify(input_data)}`)
  const { prediction, confidence, latency_ms } = priority
  say(`   → ${JSON.stringify({ prediction, confidence, latency_ms })}`)

  say('3. Travel: where to go, with whom, and when to tell them')
  const travel = await travelTour(session, say)

  say('4. What is live')
  const { items } = await client.models.list({})
  for (const model of items)
    say(`   ${model.name}: ${JSON.stringify(model.deployments)}, latest version ${model.latest_version}`)
  terminal.result({ customer: value, ticket: priority, travel, models: items }, () =>
    session.started ? '\nStart the service to look around: modelyard serve' : `\nLook around: ${session.url}/docs`,
  )
}

async function day(session: Session, name: string): Promise<void> {
  const job = await trainDay(session, name)
  session.terminal.result(job, () => job.message)
}

async function trainDay(session: Session, day: string) {
  const index = SAMPLE_DAYS.indexOf(day)
  if (index < 0) {
    throw fail(
      'invalid',
      'DAY_UNKNOWN',
      `There is no sample ${day}; choose one of ${SAMPLE_DAYS[0]} … ${SAMPLE_DAYS.at(-1)}`,
    )
  }
  const { client, terminal } = session
  terminal.say(`   Training ${CUSTOMERS} on ${day}`)
  const dataset = await client.datasets.create({
    file: customersOfDay(index + 1),
    filename: day,
    name: day,
    contract: CUSTOMER_CONTRACT,
  })
  const { job_id } = await client.models.train({
    model_name: CUSTOMERS,
    dataset_id: dataset.id,
    model_type: 'classification',
  })
  return untilLive(session, job_id)
}

async function trainTickets(session: Session) {
  const { client, terminal } = session
  terminal.say(`   Training ${TICKETS} on ${sampleTickets().length} tickets`)
  const dataset = await client.datasets.create({ name: 'tickets', rows: sampleTickets(), target: 'priority' })
  const { job_id } = await client.models.train({
    model_name: TICKETS,
    dataset_id: dataset.id,
    model_type: 'classification',
  })
  return untilLive(session, job_id)
}
