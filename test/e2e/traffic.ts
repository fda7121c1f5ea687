// A client that never rests: it uploads, trains, deploys, rolls back, predicts and tells outcomes, all at once, and writes
// down what it was promised. Failures of a dying service are expected; wrong answers are not.
import { setTimeout as sleep } from 'node:timers/promises'
import { type MlClient, MlError } from '../../src/client.ts'
import { type Random, seededRandom } from '../../src/core/random.ts'
import { FLOWER, flowers, SPECIES } from './flowers.ts'
import { type Ledger, noteDataset, noteEnd, noteJob } from './ledger.ts'

const MODELS = ['iris-a', 'iris-b'] as const
/** Answers to changes that were overtaken by others. */
const OVERTAKEN: readonly string[] = ['ALREADY_DEPLOYED', 'NO_EARLIER_VERSION']
const QUEUED_AT_A_TIME = 2
const LOOKS_AT_A_TIME = 8

export interface Traffic {
  /** Waits for the requests under way. */
  stop(): Promise<void>
}

interface Client {
  readonly api: MlClient
  readonly ledger: Ledger
  readonly random: Random
  readonly signal: AbortSignal
}

export function startTraffic(api: MlClient, ledger: Ledger, seed: number): Traffic {
  const stopping = new AbortController()
  const client = (salt: number): Client => {
    return { api, ledger, random: seededRandom(seed * 31 + salt), signal: stopping.signal }
  }
  const loops = [repeat(client(1), upload, 200), repeat(client(2), train, 150)]
  // Seldom enough that a training can be compared with what is live before that has changed again.
  loops.push(repeat(client(3), change, 700), repeat(client(4), predict, 60))
  return {
    async stop() {
      stopping.abort()
      await Promise.all(loops)
    },
  }
}

async function repeat(client: Client, act: (client: Client) => Promise<void>, pauseMs: number): Promise<void> {
  while (!client.signal.aborted) {
    try {
      await act(client)
    } catch (error) {
      if (!isExcused(error)) client.ledger.wrongs.push(`${act.name}: ${String(error)}`)
    }
    await sleep(pauseMs * (0.5 + client.random.next()), undefined, { signal: client.signal }).catch(() => {})
  }
}

function isExcused(error: unknown): boolean {
  return error instanceof MlError && (error.kind === 'unavailable' || OVERTAKEN.includes(error.code))
}

async function upload({ api, ledger, random }: Client): Promise<void> {
  const file = flowers(random.integer(1_000_000))
  noteDataset(ledger, file, await api.datasets.create({ file, filename: 'flowers.csv', target: 'species' }))
}

/** Keeps the queue filled, and looks how the jobs it knows to be open are getting on. */
async function train({ api, ledger, random, signal }: Client): Promise<void> {
  let queued = 0
  for (const job of ledger.open.slice(-LOOKS_AT_A_TIME)) {
    const now = await api.training_jobs.get({ job_id: job.job_id })
    if (now.status === 'queued') queued++
    if (now.finished_at === null) continue
    noteEnd(ledger, now, await api.versions.get({ model_id: now.model_id, version: now.version }))
    ledger.open.splice(ledger.open.indexOf(job), 1)
  }
  const dataset = ledger.datasets.at(-1 - random.integer(3)) ?? ledger.datasets.at(-1)
  if (queued >= QUEUED_AT_A_TIME || !dataset || signal.aborted) return
  const accepted = await api.models.train({
    model_name: MODELS[random.integer(MODELS.length)]!,
    dataset_id: dataset.id,
    model_type: 'classification',
  })
  noteJob(ledger, accepted)
}

async function change({ api, ledger, random }: Client): Promise<void> {
  const versions = [...ledger.versions.values()]
  const some = versions[random.integer(Math.max(1, versions.length))]
  if (!some) return
  const { model_id, version } = some
  const deployment =
    random.next() < 0.3 ? await api.models.rollback({ model_id }) : await api.models.deploy({ model_id, version })
  ledger.deployments.push(deployment)
}

async function predict({ api, ledger, random }: Client): Promise<void> {
  const some = [...ledger.versions.values()].at(-1)
  if (!some) return
  const answer = await api.models.predict({ model_id: some.model_id, input_data: FLOWER })
  ledger.predictions++
  if (!SPECIES.some((name) => name === answer.prediction)) {
    ledger.wrongs.push(`predicted ${JSON.stringify(answer)}`)
  }
  if (random.next() > 0.3) return
  const outcome = { prediction_id: answer.prediction_id, actual: SPECIES[random.integer(SPECIES.length)]! }
  await api.predictions.feedback(outcome)
  ledger.feedback.push(outcome)
}
