// docs/reference/events.md: the types and the document from the contract; which of them this version sends is read from the
// sources, so that the page does not promise an event that nothing emits.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EVENT_TYPES, type EventType, MlEvent } from '../../src/contract/service.ts'
import { code, page, table } from './markdown.ts'

const MEANING: Readonly<Record<EventType, string>> = {
  'ml.dataset.created': 'A dataset was uploaded.',
  'ml.training.started': 'A worker took a job up.',
  'ml.training.progress': 'A job entered a new stage.',
  'ml.training.completed': 'A job registered its version.',
  'ml.training.failed': 'A job failed; `error` says why.',
  'ml.training.cancelled': 'A job was cancelled.',
  'ml.model.trained': 'A version was registered, trained or imported.',
  'ml.model.rejected': 'The gate kept a version from going live; `reason` has the figures.',
  'ml.model.promoted': 'The gate made a version live.',
  'ml.model.deployed':
    'A version is live, by the gate or by hand; with `rollout_id` and `strategy`, it takes a share of the traffic beside the live one, or copies.',
  'ml.model.rolled_back':
    'The version before is live again; with `rollout_id`, a roll-out was ended, by the service itself where `automatic` is true. `reason` has the figures.',
  'ml.model.archived': 'A version is live nowhere any more.',
  'ml.model.drifted': 'The inputs of a model have changed.',
  'ml.batch.completed': 'A batch job ended.',
  'ml.batch.failed': 'A batch job failed.',
  'ml.batch.cancelled': 'A batch job was cancelled.',
}

export async function eventsPage(root: string): Promise<string> {
  const sent = await sentTypes(root)
  const fields = Object.entries(MlEvent.properties) as [string, { readonly description?: string }][]
  const required: readonly string[] = MlEvent.required
  return page(
    '# Events',
    'What happens is told in [CloudEvents 1.0](https://cloudevents.io) as JSON. An event is written into an outbox in the ' +
      'transaction of the change itself, so there is none without its change, and no change without its event; from there it goes to the ' +
      'bus, in order for one subject, at least once: the same `id` may arrive twice.',
    '## Subject',
    'With `ENABLE_NATS=true` events are published to NATS JetStream on `ml.events.{tenant_id}`, with the event id as message id. A `.` in a ' +
      'tenant id stays as it is, so subscribe to all tenants with `ml.events.>`. Without NATS they stay inside the process.',
    '## Types',
    table(
      ['Type', 'When', 'Sent by this version'],
      EVENT_TYPES.map((type) => [code(type), MEANING[type], sent.has(type) ? 'yes' : 'not yet']),
    ),
    '## Document',
    table(
      ['Field', 'Meaning'],
      fields.map(([name, { description = '' }]) => [code(required.includes(name) ? name : `${name}?`), description]),
    ),
  )
}

async function sentTypes(root: string): Promise<ReadonlySet<string>> {
  const folder = join(root, 'src/domain')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && /(?<!\.test)\.ts$/.test(entry.name))
  const texts = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')))
  return new Set(EVENT_TYPES.filter((type) => texts.some((text) => text.includes(`'${type}'`))))
}
