// The service about itself: health, readiness, events.
import { type Static, Type } from 'typebox'
import { AnyObject, OneOf, Shape, Timestamp } from './schema.ts'

export const HEALTH_STATUSES = ['healthy', 'degraded', 'unhealthy'] as const
export type HealthStatus = (typeof HEALTH_STATUSES)[number]

export const DependencyStatus = Shape(
  {
    service_name: Type.String({ description: 'Which dependency.' }),
    url: Type.String({ description: 'Where it is, without credentials.' }),
    status: OneOf(HEALTH_STATUSES, 'How it is.'),
    response_time_ms: Type.Number({ description: 'How long its last check took, in milliseconds.' }),
    last_check: Timestamp,
    error: Type.Optional(Type.String({ description: 'What is wrong with it.' })),
  },
  'One dependency.',
)
export type DependencyStatus = Static<typeof DependencyStatus>

export const ServiceHealth = Shape(
  {
    status: OneOf(HEALTH_STATUSES, 'How the service is.'),
    timestamp: Timestamp,
    dependencies: Type.Array(DependencyStatus, { description: 'What the service stands on.' }),
    active_subscriptions: Type.Integer({ description: 'Open subscriptions on the bus.' }),
    uptime_seconds: Type.Number({ description: 'Seconds since start.' }),
    version: Type.String({ description: 'Version of Modelyard.' }),
    error: Type.Optional(Type.String({ description: 'The first thing that is wrong.' })),
    models_loaded: Type.Boolean({ description: 'At least one model is loaded.' }),
    redis_connected: Type.Boolean({ description: 'Redis is configured and answers.' }),
    gpu_available: Type.Boolean({ description: 'A GPU is configured and usable.' }),
  },
  'How the service is.',
)
export type ServiceHealth = Static<typeof ServiceHealth>

export const Readiness = Shape(
  {
    ready: Type.Boolean({ description: 'A model can be called.' }),
    model_version_id: Type.Optional(Type.String({ description: '`{model_id}:{version}` of the default model.' })),
    reason: Type.Optional(Type.String({ description: 'Why not.' })),
  },
  'Whether predictions can be answered.',
)
export type Readiness = Static<typeof Readiness>

export const EVENT_TYPES = [
  'ml.dataset.created',
  'ml.training.started',
  'ml.training.progress',
  'ml.training.completed',
  'ml.training.failed',
  'ml.training.cancelled',
  'ml.model.trained',
  'ml.model.rejected',
  'ml.model.promoted',
  'ml.model.deployed',
  'ml.model.rolled_back',
  'ml.model.archived',
  'ml.model.drifted',
  'ml.batch.completed',
  'ml.batch.failed',
  'ml.batch.cancelled',
] as const
export type EventType = (typeof EVENT_TYPES)[number]

/** CloudEvents 1.0 in JSON; published on `ml.events.{tenant_id}`. */
export const MlEvent = Shape(
  {
    specversion: Type.Literal('1.0', { description: 'CloudEvents version.' }),
    id: Type.String({ description: 'Unique; the same event may arrive twice under one id.' }),
    source: Type.String({ description: 'The service that sent it.' }),
    type: OneOf(EVENT_TYPES, 'What happened.'),
    subject: Type.String({ description: 'The id it happened to.' }),
    time: Timestamp,
    datacontenttype: Type.Literal('application/json', { description: 'Always JSON.' }),
    tenantid: Type.String({ description: 'Tenant it belongs to.' }),
    requestid: Type.Optional(Type.String({ description: 'The request that caused it.' })),
    traceparent: Type.Optional(
      Type.String({ description: 'The trace it belongs to (W3C Trace Context), where traces are kept.' }),
    ),
    tracestate: Type.Optional(Type.String({ description: 'What tracing systems add to that.' })),
    data: AnyObject('`event_type`, `tenant_id`, `model_id` where there is one, and what the type adds.'),
  },
  'Something that happened.',
)
export type MlEvent = Static<typeof MlEvent>
