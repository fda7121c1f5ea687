// A service under traffic, perhaps with a worker beside it, that can be struck at any moment and is then brought back.
import { setTimeout as sleep } from 'node:timers/promises'
import type { TrainingJob } from '../../src/contract/training.ts'
import type { Random } from '../../src/core/random.ts'
import { allDeployments, audit, positions, type Since } from './audit.ts'
import type { Facts } from './events.ts'
import { type Ledger, newLedger } from './ledger.ts'
import type { Place } from './place.ts'
import { isAlive, type Program, type Settings, startService, startWorker, until, untilHealthy } from './processes.ts'
import { startTraffic } from './traffic.ts'

export type Victim = 'service' | 'worker' | 'training'

export interface SceneOptions {
  readonly place: Place
  readonly settings: Settings
  /** Settings of a worker of its own; without them the service works on jobs itself. */
  readonly worker?: Settings
  readonly seed: number
  readonly tenantId?: string
}

export interface Scene extends AsyncDisposable {
  readonly place: Place
  readonly ledger: Ledger
  /** When something was killed. */
  readonly kills: readonly number[]
  /** Kills and brings back. @returns what was lost. */
  strike(victim: Victim, random: Random): Promise<string[]>
  audit(since: Since): Promise<string[]>
  /** Ends the traffic and waits for the last job. */
  untilJobsEnd(): Promise<readonly TrainingJob[]>
  facts(jobs: readonly TrainingJob[]): Promise<Facts>
  /** In good order, so that every event has been sent. */
  close(): Promise<void>
}

const LONGEST_AIM_MS = 900
/** Trainings give way to everything else on the machine, so on a busy one they take long. */
const WARM_UP_MS = 180_000
const TRAINING_MS = 180_000
/** A dead worker's lease, and time to do its job again. */
const JOBS_END_MS = 240_000

export async function openScene({ place, settings, worker, seed, tenantId }: SceneOptions): Promise<Scene> {
  const ledger = newLedger()
  const checked = new Set<string>()
  const kills: number[] = []
  const orphans: number[] = []
  let rounds = seed
  let spared = false
  let audited = positions(ledger)
  let service = await startService(settings, tenantId)
  await untilHealthy(service)
  let helper: Program | undefined = worker && (await startWorker(worker))
  let traffic = startTraffic(service.client, ledger, ++rounds)
  const check = (since: Since) => audit({ service, place, ledger, checked }, since)
  const trainer = () => helper ?? service
  // So that from the first kill on there is something to lose.
  await until(() => ledger.deployments.length > 0, { timeoutMs: WARM_UP_MS, what: 'the first deployment' })

  async function strikeService(): Promise<string[]> {
    orphans.push(...service.trainings())
    kills.push(Date.now())
    await service.kill()
    await traffic.stop()
    service = await startService(settings, tenantId)
    await untilHealthy(service)
    const losses = await check(audited)
    audited = positions(ledger)
    traffic = startTraffic(service.client, ledger, ++rounds)
    return losses
  }

  async function strikeWorker(): Promise<string[]> {
    orphans.push(...trainer().trainings())
    kills.push(Date.now())
    await helper?.kill()
    helper = await startWorker(worker!)
    return []
  }

  async function strikeTraining(random: Random): Promise<string[]> {
    // Most trainings that were struck get through at their second attempt.
    if (spared && random.next() < 0.8) await trainingEnds(await nextTraining())
    spared = false
    const target = await nextTraining()
    await sleep(random.next() * LONGEST_AIM_MS)
    if (!isAlive(target)) return strikeTraining(random)
    kills.push(Date.now())
    process.kill(target, 'SIGKILL')
    spared = true
    return []
  }

  async function nextTraining(): Promise<number> {
    const running = () => trainer().trainings()[0]
    return until(running, { timeoutMs: TRAINING_MS, everyMs: 5, what: 'a training' })
  }

  async function trainingEnds(pid: number): Promise<void> {
    await until(() => !isAlive(pid), { timeoutMs: TRAINING_MS, everyMs: 20, what: 'the end of a training' })
  }

  async function close(): Promise<void> {
    await traffic.stop()
    await Promise.all([service.running() && service.kill('SIGTERM'), helper?.running() && helper.kill('SIGTERM')])
  }

  return {
    place,
    ledger,
    kills,
    strike: (victim, random) =>
      victim === 'service' ? strikeService() : victim === 'worker' ? strikeWorker() : strikeTraining(random),
    async audit(since) {
      checked.clear()
      return [...(await check(since)), ...(await survivors(orphans))]
    },
    async untilJobsEnd() {
      await traffic.stop()
      const { client } = service
      const ended = async () => {
        const { items } = await client.training_jobs.list({ limit: 500 })
        return items.every(({ finished_at }) => finished_at !== null) ? items : undefined
      }
      return until(ended, { timeoutMs: JOBS_END_MS, everyMs: 500, what: 'every job to end' })
    },
    async facts(jobs) {
      const { client } = service
      const models = (await client.models.list({ limit: 500 })).items
      const datasets = (await client.datasets.list({ limit: 500 })).items.map(({ id }) => id)
      const histories = []
      for (const model of models) histories.push({ model, deployments: await allDeployments(client, model.id) })
      return { datasets, jobs, histories }
    },
    close,
    async [Symbol.asyncDispose]() {
      await traffic.stop()
      await service[Symbol.asyncDispose]()
      await helper?.[Symbol.asyncDispose]()
    },
  }
}

/** A training must not outlive the process that started it. */
async function survivors(pids: readonly number[]): Promise<string[]> {
  const gone = () => pids.every((pid) => !isAlive(pid))
  await until(gone, { what: 'the trainings of the dead' }).catch(() => {})
  return pids.filter(isAlive).map((pid) => `training process ${pid} outlived its parent`)
}
