// The stream that keeps the events and the consumers that read it, as they should be: made when missing, adjusted when they
// differ. Asked on every connection, because a server may come back without its store.
import {
  AckPolicy,
  type ConsumerInfo,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamManager,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import type { StreamLimits } from './open.ts'
import { DUPLICATE_WINDOW_MS } from './rules.ts'

/** How long the server keeps the position of a subscription without a name after its connection is gone. */
const FORGET_AFTER_MS = 300_000
const WEEK_SECONDS = 604_800
const STREAM_NOT_FOUND = 10_059
const CONSUMER_NOT_FOUND = 10_014

export type StreamSettings = Pick<
  StreamConfig,
  'name' | 'subjects' | 'max_age' | 'max_bytes' | 'duplicate_window' | 'num_replicas'
> &
  Partial<Pick<StreamConfig, 'allow_direct' | 'allow_rollup_hdrs'>>

export function streamSettings(prefix: string, limits: StreamLimits): StreamSettings {
  return {
    name: limits.name ?? 'ML_EVENTS',
    subjects: [`${prefix}.>`],
    max_age: nanos((limits.maxAgeSeconds ?? WEEK_SECONDS) * 1000),
    max_bytes: limits.maxBytes ?? 512 * 1024 * 1024,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    num_replicas: limits.replicas ?? 1,
  }
}

export async function ensureStream(manager: JetStreamManager, settings: StreamSettings): Promise<void> {
  const info = await manager.streams.info(settings.name).catch(undefinedFor(STREAM_NOT_FOUND))
  if (!info) {
    const fixed = { storage: StorageType.File, retention: RetentionPolicy.Limits, discard: DiscardPolicy.Old }
    await manager.streams.add({ ...settings, ...fixed })
    return
  }
  const keys = Object.keys(settings) as (keyof StreamSettings)[]
  const differs = keys.some((key) => JSON.stringify(info.config[key]) !== JSON.stringify(settings[key]))
  if (differs) await manager.streams.update(settings.name, settings)
}

export interface ConsumerWish {
  readonly name: string
  readonly durable: boolean
  readonly pattern: string
  /** Where to begin if the server does not know the consumer; undefined: with what comes next. */
  readonly from: Date | undefined
  readonly ackWaitMs: number
}

export async function ensureConsumer(
  manager: JetStreamManager,
  stream: string,
  { name, durable, pattern, from, ackWaitMs }: ConsumerWish,
): Promise<ConsumerInfo> {
  const info = await manager.consumers.info(stream, name).catch(undefinedFor(CONSUMER_NOT_FOUND))
  const ackWait = nanos(ackWaitMs)
  if (info?.config.filter_subject === pattern && info.config.ack_wait === ackWait) return info
  if (info) return await manager.consumers.update(stream, name, { filter_subject: pattern, ack_wait: ackWait })
  const begin = from
    ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: from.toISOString() }
    : { deliver_policy: DeliverPolicy.New }
  return await manager.consumers.add(stream, {
    ...(durable ? { durable_name: name } : { name, inactive_threshold: nanos(FORGET_AFTER_MS) }),
    ...begin,
    filter_subject: pattern,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ackWait,
    replay_policy: ReplayPolicy.Instant,
    max_deliver: -1,
  })
}

function undefinedFor(code: number): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof Error && 'code' in error && error.code === code) return undefined
    throw error
  }
}
