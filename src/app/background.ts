// What a process does besides answering: following the registry, relaying events, working on jobs, tidying up.
import { backoffMs, pause } from '../core/backoff.ts'
import { sweepKeys } from '../domain/access/index.ts'
import {
  sampleBatchQueue,
  startBatchWorker,
  sweepBatchFolders,
  sweepBatchJobs,
  sweepTurns,
} from '../domain/batch/index.ts'
import type { Services } from '../domain/ctx.ts'
import { sweepUploads } from '../domain/datasets/index.ts'
import { syncPointers } from '../domain/models/index.ts'
import { RolloutWatch } from '../domain/rollouts/index.ts'
import { startScheduler, sweepRuns } from '../domain/schedules/index.ts'
import { type Serving, sweepPredictions } from '../domain/serving/index.ts'
import { abandonTraining, runTraining, trainersByName } from '../domain/training/index.ts'
import { startDeliveries, sweepDeliveries } from '../domain/webhooks/index.ts'
import { startRelay } from '../events/relay.ts'
import { travelTrainers } from '../travel/index.ts'
import { sweepTemp, type TempSweep } from './sweep-temp.ts'

const DATABASE_RETRY = { initialMs: 250, maxMs: 10_000 }
const TIDY_EVERY_MS = 3_600_000
/** The first time: a service may be started anew more often than it tidies up. */
const TIDY_FIRST_MS = 300_000
const SAMPLE_EVERY_MS = 5_000
const TURNS_EVERY_MS = 60_000
/** Of what was counted of roll-outs; a process that is killed loses as much. */
const COUNT_EVERY_MS = 500
const WATCH_EVERY_MS = 1_000
/** What would grow for ever. */
const SWEEPS = [
  sweepUploads,
  sweepBatchJobs,
  sweepBatchFolders,
  sweepDeliveries,
  sweepRuns,
  sweepKeys,
  sweepPredictions,
]

export interface BackgroundOptions {
  readonly services: Services
  readonly serving: Serving
  readonly worker: { readonly concurrency: number; readonly batchConcurrency: number } | undefined
}

export interface Background {
  /** Resolves once the schema is up to date; never, when the service is stopped before. */
  readonly migrated: Promise<void>
  /** Resolves once the schema is up to date and the registry was read; rejects only on a fault that retrying cannot mend. */
  readonly begun: Promise<void>
  stop(): Promise<void>
}

export function startBackground(options: BackgroundOptions): Background {
  const { services, serving } = options
  const stopping = new AbortController()
  const stops: (() => Promise<void> | void)[] = []
  const migrated = Promise.withResolvers<void>()
  const begun = begin(options, { signal: stopping.signal, stops, onMigrated: migrated.resolve })
  return {
    migrated: migrated.promise,
    begun,
    async stop() {
      stopping.abort()
      await begun.catch(() => {})
      for (const stop of stops.reverse()) {
        await Promise.resolve(stop()).catch((error: unknown) => services.log.warn({ err: error }, 'stop failed'))
      }
      await serving.stop()
    },
  }
}

interface Run {
  readonly signal: AbortSignal
  readonly stops: (() => Promise<void> | void)[]
  readonly onMigrated: () => void
}

async function begin({ services, serving, worker }: BackgroundOptions, run: Run): Promise<void> {
  const { signal, stops, onMigrated } = run
  const { db, queue, bus, log } = services
  await untilDatabaseAnswers(services, signal)
  if (signal.aborted) return
  onMigrated()
  // What is live comes first: the first prediction waits for it, everything below can wait for the first prediction.
  await serving.live.start(async () => {
    await syncPointers(services)
  })
  if (signal.aborted) return
  stops.push(every(COUNT_EVERY_MS, () => serving.counts.write(), services))
  const watch = new RolloutWatch(services, serving)
  stops.push(every(WATCH_EVERY_MS, () => watch.look(signal), services))
  const relay = startRelay({ db, bus, log, onPublished: (count) => services.metrics.eventsPublished.inc(count) })
  stops.push(() => relay.stop())
  if (worker) {
    const deliveries = startDeliveries(services)
    stops.push(() => deliveries.stop())
  }
  await queue.start()
  stops.push(() => queue.stop())
  if (worker) {
    const trainers = trainersByName(travelTrainers)
    queue.work('training', (job) => runTraining(services, job, trainers), {
      concurrency: worker.concurrency,
      onDead: (job, error) => abandonTraining(services, job, error),
    })
  }
  if (worker && worker.batchConcurrency > 0) {
    const batch = startBatchWorker({ services, serving }, { concurrency: worker.batchConcurrency })
    stops.push(() => batch.stop())
  }
  if (worker) {
    const scheduler = startScheduler(services, serving)
    stops.push(() => scheduler.stop())
  }
  for (const sweep of worker ? SWEEPS : []) {
    stops.push(tidily(async () => void (await sweep(services)), services))
  }
  if (worker) stops.push(every(TURNS_EVERY_MS, async () => void (await sweepTurns(services)), services))
  stops.push(tidily(async () => void (await sweepTemp(tempSweep(services))), services))
  stops.push(every(SAMPLE_EVERY_MS, () => sampleQueue(services), services))
}

/** The schema is brought up to date as soon as the database answers; until then models already loaded go on answering. */
async function untilDatabaseAnswers({ db, log }: Services, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      await db.migrate()
      return
    } catch (error) {
      if (attempt === 0) log.warn({ err: error }, 'the database is not ready; trying again until it is')
      await pause(backoffMs(attempt, DATABASE_RETRY), signal)
    }
  }
}

function tidily(work: () => Promise<void>, services: Services): () => void {
  return every(TIDY_EVERY_MS, work, services, TIDY_FIRST_MS)
}

/** Calls `work` at intervals and once after `firstMs`, never twice at once. @returns the function that ends it. */
function every(intervalMs: number, work: () => Promise<void>, { log }: Services, firstMs?: number): () => void {
  let running = false
  const run = () => {
    if (running) return
    running = true
    work()
      .catch((error: unknown) => log.debug({ err: error }, 'background work failed; it is tried again'))
      .finally(() => {
        running = false
      })
  }
  const first = firstMs === undefined ? undefined : setTimeout(run, firstMs).unref()
  const timer = setInterval(run, intervalMs).unref()
  return () => {
    clearTimeout(first)
    clearInterval(timer)
  }
}

function tempSweep({ settings, clock }: Services): TempSweep {
  return { folder: settings.tempDir, longestWorkMs: settings.trainingTimeoutMs, now: clock.now() }
}

async function sampleQueue(services: Services): Promise<void> {
  const { queue, metrics } = services
  await sampleBatchQueue(services)
  for (const [name, depth] of Object.entries(await queue.depth())) {
    // Its chunks are counted, not its jobs.
    if (name === 'batch') continue
    metrics.queueDepth.set({ queue: name }, depth.waiting)
    metrics.queueActive.set({ queue: name }, depth.active)
    metrics.queueAge.set({ queue: name }, depth.oldestSeconds)
  }
}

/** Repository mode follows CURRENT, and that is all there is to do. */
export function startRepository(serving: Serving): Background {
  return {
    migrated: Promise.resolve(),
    begun: serving.live.start(async () => {}),
    stop: () => serving.stop(),
  }
}
