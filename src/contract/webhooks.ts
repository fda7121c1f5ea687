// Webhooks: where a tenant's events are sent, and what became of each.
import { type Static, Type } from 'typebox'
import { Nullable, OneOf, Shape, Timestamp } from './schema.ts'
import { EVENT_TYPES } from './service.ts'

export const DELIVERY_STATUSES = ['waiting', 'delivered', 'dead'] as const
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number]

export const WebhookUrl = Type.String({
  // Who signs in does so before the first slash: behind it, "@" is a character like any other.
  pattern: '^https?://[^\\s@/?#\\\\]+([/?#]\\S*)?$',
  maxLength: 2000,
  description: 'Where to send events: http or https, without credentials.',
})

export const WebhookEvents = Type.Array(OneOf(EVENT_TYPES, 'Type of event.'), {
  maxItems: 100,
  uniqueItems: true,
  description: 'Which events; an empty list means all.',
})

export const Webhook = Shape(
  {
    id: Type.String({ description: 'Webhook id, `hook_…`.' }),
    url: Type.String({ description: 'Where events are sent.' }),
    events: WebhookEvents,
    description: Nullable(Type.String(), 'What it is for.'),
    active: Type.Boolean({ description: 'New events are sent.' }),
    secret: Type.Optional(
      Type.String({ description: 'Key of the signatures, `whsec_…`; shown once, in the reply that made it.' }),
    ),
    old_secrets_until: Nullable(
      Timestamp,
      'Until when deliveries are also signed with secrets that were replaced; null where none is left.',
    ),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  'A webhook.',
)
export type Webhook = Static<typeof Webhook>

export const WebhookDelivery = Shape(
  {
    id: Type.String({ description: 'Delivery id, `dlv_…`.' }),
    webhook_id: Type.String({ description: 'Webhook it goes to.' }),
    event_id: Type.String({
      description: 'Event it carries; also its `webhook-id` header, the same in every attempt.',
    }),
    event_type: Type.String({ description: 'Type of the event.' }),
    status: OneOf(DELIVERY_STATUSES, '`dead`: given up after the last attempt; it can be replayed.'),
    attempts: Type.Integer({ description: 'How often it was sent.' }),
    next_attempt_at: Nullable(Timestamp, 'When it is sent next; null once it is over.'),
    last_status: Nullable(Type.Integer(), 'HTTP status of the last attempt; null where there was none.'),
    last_error: Nullable(Type.String(), 'Why the last attempt failed.'),
    created_at: Timestamp,
    delivered_at: Nullable(Timestamp, 'When it was accepted.'),
  },
  'An event on its way to a webhook.',
)
export type WebhookDelivery = Static<typeof WebhookDelivery>
