// What a service has acknowledged. Everything in here must be found again, whatever was killed in between.
import { createHash } from 'node:crypto'
import type { Dataset } from '../../src/contract/datasets.ts'
import type { Deployment, ModelVersion } from '../../src/contract/models.ts'
import type { TrainAccepted, TrainingJob } from '../../src/contract/training.ts'
import { FLOWER_ROWS } from './flowers.ts'

export interface KnownDataset {
  readonly id: string
  readonly sha256: string
}

export interface KnownJob extends TrainAccepted {
  readonly submittedAt: number
}

export interface KnownVersion {
  readonly model_id: string
  readonly version: string
  readonly sha256: string
}

export interface Ledger {
  readonly datasets: KnownDataset[]
  readonly jobs: KnownJob[]
  /** Those of the jobs that were not seen to have ended. */
  readonly open: KnownJob[]
  readonly versions: Map<string, KnownVersion>
  readonly deployments: Deployment[]
  readonly feedback: { readonly prediction_id: string; readonly actual: string }[]
  /** Answers that no fault can excuse. */
  readonly wrongs: string[]
  predictions: number
}

export function newLedger(): Ledger {
  const lists = { datasets: [], jobs: [], open: [], deployments: [], feedback: [], wrongs: [] }
  return { ...lists, versions: new Map(), predictions: 0 }
}

export function noteDataset(ledger: Ledger, sent: string, dataset: Dataset): void {
  const sha256 = createHash('sha256').update(sent).digest('hex')
  if (dataset.sha256 !== sha256) ledger.wrongs.push(`dataset ${dataset.id} has the digest ${dataset.sha256}`)
  if (dataset.rows !== FLOWER_ROWS) ledger.wrongs.push(`dataset ${dataset.id} has ${dataset.rows} rows`)
  ledger.datasets.push({ id: dataset.id, sha256 })
}

export function noteJob(ledger: Ledger, accepted: TrainAccepted): void {
  const job = { ...accepted, submittedAt: Date.now() }
  ledger.jobs.push(job)
  ledger.open.push(job)
}

/** A job that was seen to have succeeded promises its version. */
export function noteEnd(ledger: Ledger, job: TrainingJob, version: ModelVersion): void {
  if (job.status !== 'succeeded') return
  if (version.artifact_sha256 === null) ledger.wrongs.push(`${job.id} succeeded without an artefact`)
  else noteVersion(ledger, version.model_id, version.version, version.artifact_sha256)
}

function noteVersion(ledger: Ledger, model_id: string, version: string, sha256: string): void {
  ledger.versions.set(`${model_id}:${version}`, { model_id, version, sha256 })
}

export function counted(ledger: Ledger): string {
  const { datasets, jobs, versions, deployments, feedback, predictions } = ledger
  return (
    `${datasets.length} datasets, ${jobs.length} jobs, ${versions.size} versions seen, ${deployments.length} ` +
    `deployments, ${predictions} predictions, ${feedback.length} outcomes`
  )
}
