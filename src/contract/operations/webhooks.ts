// Operations on webhooks.
import { Type } from 'typebox'
import { command, query } from '../operation.ts'
import { Nullable, OneOf, Page, pageFields, Shape } from '../schema.ts'
import { DELIVERY_STATUSES, Webhook, WebhookDelivery, WebhookEvents, WebhookUrl } from '../webhooks.ts'

const tag = 'Webhooks'
const base = '/api/v1/ml/webhooks'
const webhook_id = Type.String({ description: 'Webhook id.' })
const text = Type.String({ maxLength: 1000 })

export const webhookOperations = {
  'webhooks.create': command({
    method: 'POST',
    path: base,
    tag,
    summary: 'Have events sent to an address, signed as Standard Webhooks; the reply holds the secret, once.',
    reply: 'envelope',
    status: 201,
    message: 'Webhook created',
    idempotent: true,
    input: Shape({
      url: WebhookUrl,
      events: Type.Optional(WebhookEvents),
      description: Type.Optional({ ...text, description: 'What it is for.' }),
    }),
    output: Webhook,
  }),
  'webhooks.list': query({
    method: 'GET',
    path: base,
    tag,
    summary: 'List webhooks, newest first.',
    reply: 'envelope',
    input: Shape(pageFields),
    output: Page(Webhook),
  }),
  'webhooks.get': query({
    method: 'GET',
    path: `${base}/{webhook_id}`,
    tag,
    summary: 'One webhook.',
    reply: 'envelope',
    input: Shape({ webhook_id }),
    output: Webhook,
  }),
  'webhooks.update': command({
    method: 'PATCH',
    path: `${base}/{webhook_id}`,
    tag,
    summary: 'Change a webhook, or stop and resume it; what is on its way goes on.',
    reply: 'envelope',
    message: 'Webhook updated',
    input: Shape({
      webhook_id,
      url: Type.Optional(WebhookUrl),
      events: Type.Optional(WebhookEvents),
      description: Type.Optional(Nullable(text, 'What it is for; null clears it.')),
      active: Type.Optional(Type.Boolean({ description: 'Whether new events are sent.' })),
    }),
    output: Webhook,
  }),
  'webhooks.rotate': command({
    method: 'POST',
    path: `${base}/{webhook_id}/rotate`,
    tag,
    summary: 'Replace the secret; for a while deliveries are signed with both. The reply holds the new one, once.',
    reply: 'envelope',
    message: 'Secret replaced',
    idempotent: true,
    input: Shape({
      webhook_id,
      overlap_hours: Type.Optional(
        Type.Number({
          minimum: 0,
          maximum: 168,
          description: 'How long old secrets sign too; 0 ends all of them now, as after a leak. Default 24.',
        }),
      ),
    }),
    output: Webhook,
  }),
  'webhooks.delete': command({
    method: 'DELETE',
    path: `${base}/{webhook_id}`,
    tag,
    summary: 'Delete a webhook with its log and all that is on its way.',
    body: 'query',
    reply: 'envelope',
    message: 'Webhook deleted',
    input: Shape({ webhook_id }),
    output: Shape({ id: webhook_id }),
  }),
  'webhooks.deliveries': query({
    method: 'GET',
    path: `${base}/{webhook_id}/deliveries`,
    tag,
    summary: 'What was sent to a webhook, newest first; with status `dead`, what was given up.',
    reply: 'envelope',
    input: Shape({
      webhook_id,
      ...pageFields,
      status: Type.Optional(OneOf(DELIVERY_STATUSES, 'Only deliveries in this state.')),
    }),
    output: Page(WebhookDelivery),
  }),
  'webhooks.replay': command({
    method: 'POST',
    path: `${base}/{webhook_id}/replay`,
    tag,
    summary: 'Send a delivery again, or all that were given up.',
    reply: 'envelope',
    message: 'Deliveries will be sent again',
    input: Shape({
      webhook_id,
      delivery_id: Type.Optional(
        Type.String({ description: 'This one, whatever became of it; default: all dead ones.' }),
      ),
    }),
    output: Shape({ count: Type.Integer({ description: 'Deliveries that will be sent again.' }) }),
  }),
}
