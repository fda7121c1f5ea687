// Compares what a restarted service shows with what it had acknowledged, and looks for halves that a crash left behind.
import { createHash } from 'node:crypto'
import type { MlClient } from '../../src/client.ts'
import type { Model, ModelVersion } from '../../src/contract/models.ts'
import { FLOWER, FLOWER_ROWS } from './flowers.ts'
import type { Ledger } from './ledger.ts'
import type { Place } from './place.ts'
import { type Service, until } from './processes.ts'

const COMPLETE: readonly string[] = ['trained', 'rejected', 'deployed', 'archived']

export interface Audit {
  readonly service: Service
  readonly place: Place
  readonly ledger: Ledger
  /** Versions whose files were found whole before; files of a version never change. */
  readonly checked: Set<string>
}

/** Facts from these positions of the ledger on; the rest was audited before. */
export interface Since {
  readonly datasets: number
  readonly jobs: number
  readonly deployments: number
  readonly feedback: number
}

export const FROM_THE_START: Since = { datasets: 0, jobs: 0, deployments: 0, feedback: 0 }

export function positions({ datasets, jobs, deployments, feedback }: Ledger): Since {
  return {
    datasets: datasets.length,
    jobs: jobs.length,
    deployments: deployments.length,
    feedback: feedback.length,
  }
}

/** @returns one sentence for everything that is lost or half done; none means that all is well. */
export async function audit(audit: Audit, since: Since): Promise<string[]> {
  const losses: string[] = []
  const lost = async (what: string, check: () => Promise<boolean>) => {
    const found = await check().catch((error: unknown) => String(error))
    if (found !== true) losses.push(`${what}: ${found === false ? 'differs' : found}`)
  }
  await datasetsAreThere(audit, since.datasets, lost)
  await jobsAreThere(audit, since.jobs, lost)
  await historyIsThere(audit, since.deployments, lost)
  await outcomesAreThere(audit, since.feedback, lost)
  await modelsAreWhole(audit, lost)
  return losses
}

type Lost = (what: string, check: () => Promise<boolean>) => Promise<void>

async function datasetsAreThere({ service: { client }, ledger }: Audit, from: number, lost: Lost): Promise<void> {
  for (const { id, sha256 } of ledger.datasets.slice(from)) {
    await lost(`dataset ${id}`, async () => {
      const dataset = await client.datasets.get({ dataset_id: id })
      const { rows } = await client.datasets.rows({ dataset_id: id, limit: 500 })
      return dataset.sha256 === sha256 && rows.length === FLOWER_ROWS && 'species' in rows[0]!
    })
  }
}

async function jobsAreThere({ service: { client }, ledger }: Audit, from: number, lost: Lost): Promise<void> {
  for (const { job_id, model_id, version } of ledger.jobs.slice(from)) {
    await lost(`job ${job_id}`, async () => {
      const job = await client.training_jobs.get({ job_id })
      return job.model_id === model_id && job.version === version
    })
  }
}

async function historyIsThere({ service: { client }, ledger }: Audit, from: number, lost: Lost): Promise<void> {
  const promised = Map.groupBy(ledger.deployments.slice(from), ({ model_id }) => model_id)
  for (const [model_id, deployments] of promised) {
    const history = new Map((await allDeployments(client, model_id)).map((entry) => [entry.id, entry]))
    for (const deployment of deployments) {
      await lost(`deployment ${deployment.id} of ${model_id}`, async () => {
        return JSON.stringify(history.get(deployment.id)) === JSON.stringify(deployment)
      })
    }
  }
}

/** Oldest first. */
export async function allDeployments(client: MlClient, model_id: string) {
  const found = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await client.models.deployments({ model_id, limit: 500, ...(cursor !== undefined && { cursor }) })
    found.push(...page.items)
    cursor = page.next_cursor
  }
  return found.reverse()
}

/** Telling an outcome again succeeds only where its prediction is known. */
async function outcomesAreThere({ service: { client }, ledger }: Audit, from: number, lost: Lost): Promise<void> {
  for (const outcome of ledger.feedback.slice(from)) {
    await lost(`outcome of ${outcome.prediction_id}`, async () => {
      return (await client.predictions.feedback(outcome)).prediction_id === outcome.prediction_id
    })
  }
}

async function modelsAreWhole(audit: Audit, lost: Lost): Promise<void> {
  const { client } = audit.service
  for (const model of (await client.models.list({ limit: 500 })).items) {
    const versions = (await client.versions.list({ model_id: model.id, limit: 500 })).items
    const byNumber = new Map(versions.map((version) => [version.version, version]))
    for (const { model_id, version, sha256 } of audit.ledger.versions.values()) {
      if (model_id !== model.id) continue
      await lost(`version ${version} of ${model.name}`, async () => {
        return byNumber.get(version)?.artifact_sha256 === sha256
      })
    }
    for (const version of versions) {
      await lost(`version ${version.version} (${version.status}) of ${model.name}`, () => isWhole(audit, version))
    }
    await lost(`what is live of ${model.name}`, async () => liveIsSound(model, versions))
    await lost(`CURRENT of ${model.name}`, () => pointerFollows(audit, model))
    await lost(`predictions of ${model.name}`, () => predicts(audit, model))
  }
}

async function isWhole({ service: { client }, place, checked }: Audit, version: ModelVersion): Promise<boolean> {
  const { model_id, status, artifact_sha256, artifact_url } = version
  if (!COMPLETE.includes(status)) return unfinishedIsSound(client, version)
  const key = `${model_id}:${version.version}`
  if (artifact_sha256 === null || artifact_url === null || version.signature === null) return false
  if (checked.has(key)) return true
  const download = await client.versions.artifact({ model_id, version: version.version })
  const served = createHash('sha256')
  for await (const chunk of download.stream) served.update(chunk)
  const stored = await place.object(artifact_url)
  const metadata = await place.object(artifact_url.replace(/model\.onnx$/, 'metadata.json'))
  if (!stored || !metadata) return false
  const shown = await client.versions.metadata({ model_id, version: version.version })
  const digests = [served.digest('hex'), createHash('sha256').update(stored).digest('hex')]
  if (digests.some((digest) => digest !== artifact_sha256)) return false
  if (JSON.stringify(sorted(JSON.parse(metadata.toString()))) !== JSON.stringify(sorted(shown))) return false
  checked.add(key)
  return true
}

/** A version in training has a job that is not over; a failed one says why. */
async function unfinishedIsSound(client: MlClient, version: ModelVersion): Promise<boolean> {
  const { artifact_sha256, status, lineage } = version
  if (artifact_sha256 !== null) return false
  if (status === 'failed') return Boolean(version.error)
  const look = async () => {
    const job = await client.training_jobs.get({ job_id: lineage.training_job_id! })
    // Read after the version: it may have ended in between.
    return job.finished_at === null
      ? 'open'
      : (await client.versions.get({ model_id: version.model_id, version: version.version })).status
  }
  return (await look()) !== 'training'
}

function liveIsSound(model: Model, versions: readonly ModelVersion[]): boolean {
  const live = model.deployments.production
  const completed = versions.some(({ status }) => COMPLETE.includes(status))
  if (live === undefined) return !completed
  return versions.every(({ version, status }) => version !== live || COMPLETE.includes(status))
}

async function pointerFollows({ service: { client }, place }: Audit, { id, tenant_id }: Model): Promise<boolean> {
  const root = tenant_id === 'default' ? '' : `tenants/${tenant_id}/`
  const same = async () => {
    const live = (await client.models.get({ model_id: id })).deployments.production
    const current = (await place.object(`${root}models/${id}/CURRENT`))?.toString().trim()
    return current === live
  }
  return until(same, { timeoutMs: 15_000, everyMs: 100, what: 'CURRENT to name what is live' })
}

async function predicts({ service: { client } }: Audit, model: Model): Promise<boolean> {
  if (model.deployments.production === undefined) return true
  const same = async () => {
    const live = (await client.models.get({ model_id: model.id })).deployments.production
    return (await client.models.predict({ model_id: model.id, input_data: FLOWER })).version === live
  }
  return until(same, { timeoutMs: 15_000, what: 'predictions by the live version' })
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}
