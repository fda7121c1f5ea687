// Events against facts: every change that is there has told of itself, once, in order, and under one id.
import type { Deployment, Model } from '../../src/contract/models.ts'
import type { MlEvent } from '../../src/contract/service.ts'
import type { TrainingJob } from '../../src/contract/training.ts'
import type { Place } from './place.ts'

export interface SentEvent {
  readonly id: string
  readonly event: MlEvent
  readonly published: boolean
}

export interface Facts {
  readonly datasets: readonly string[]
  readonly jobs: readonly TrainingJob[]
  /** Each with its whole history, oldest first. */
  readonly histories: readonly { readonly model: Model; readonly deployments: readonly Deployment[] }[]
}

/** The outbox in its order. */
export function outboxOf(place: Place): Promise<SentEvent[]> {
  return place.database((db) =>
    db.system(async (tx) => {
      const rows = await tx.selectFrom('outbox').select(['id', 'event', 'published_at']).orderBy('seq').execute()
      return rows.map(({ id, event, published_at }) => ({
        id,
        event: event as unknown as MlEvent,
        published: published_at !== null,
      }))
    }),
  )
}

/** @returns one sentence for every change without its event and every event without its change. */
export function eventLosses(facts: Facts, sent: readonly SentEvent[]): string[] {
  const losses: string[] = []
  const expect = (fine: boolean, what: string) => {
    if (!fine) losses.push(what)
  }
  const bySubject = Map.groupBy(sent, ({ event }) => event.subject)
  const typesOf = (subject: string) => (bySubject.get(subject) ?? []).map(({ event }) => event.type)
  expect(new Set(sent.map(({ id }) => id)).size === sent.length, 'an event id was used twice')
  for (const { id, event, published } of sent) {
    expect(event.id === id, `event ${id} calls itself ${event.id}`)
    expect(published, `event ${id} (${event.type}) was not published`)
  }
  for (const id of facts.datasets) {
    expect(typesOf(id).join() === 'ml.dataset.created', `dataset ${id} has the events ${typesOf(id).join()}`)
  }
  for (const job of facts.jobs) {
    const types = typesOf(job.id).filter((type) => type !== 'ml.training.progress')
    const starts = types.filter((type) => type === 'ml.training.started').length
    const fine = starts >= 1 && starts <= 2 && types.length === starts + 1 && types.at(-1) === ENDING[job.status]
    expect(fine, `job ${job.id} (${job.status}) has the events ${types.join()}`)
  }
  for (const { model, deployments } of facts.histories) {
    const told = (bySubject.get(model.id) ?? []).flatMap(({ event }) => toldDeployment(event))
    const made = deployments.map(({ action, version }) => `${action} ${version}`)
    expect(told.join() === made.join(), `${model.name} was deployed as ${made.join()} and told ${told.join()}`)
  }
  return losses
}

const ENDING: Readonly<Record<string, MlEvent['type']>> = {
  succeeded: 'ml.training.completed',
  failed: 'ml.training.failed',
  cancelled: 'ml.training.cancelled',
}

const ACTION: Readonly<Record<string, Deployment['action']>> = {
  'ml.model.promoted': 'promote',
  'ml.model.deployed': 'deploy',
  'ml.model.rolled_back': 'rollback',
}

/** A promotion is told as a deployment too; only a deployment by itself counts as one. */
function toldDeployment({ type, data }: MlEvent): string[] {
  const action = ACTION[type]
  const { version, reason } = data as { readonly version?: string; readonly reason?: string }
  if (action === undefined || (action === 'deploy' && reason !== 'asked for')) return []
  return [`${action} ${version}`]
}
