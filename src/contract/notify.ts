// Send-time: when a user is best told something, and by which channel.
import { type Static, Type } from 'typebox'
import { EntityId } from './features.ts'
import { OneOf, Shape, Timestamp } from './schema.ts'

export const NOTIFICATION_TYPES = ['match_found', 'message', 'reminder'] as const
export const URGENCIES = ['low', 'medium', 'high'] as const
export type Urgency = (typeof URGENCIES)[number]
export const CHANNELS = ['push', 'email', 'sms'] as const
export type Channel = (typeof CHANNELS)[number]

export const SendTimeRequest = Shape(
  {
    user_id: { ...EntityId, description: 'Who is to be told.' },
    notification_type: OneOf(NOTIFICATION_TYPES, 'What it is about; it changes nothing about when and how.'),
    urgency: OneOf(URGENCIES, 'The deadline: high is now, medium a day, low a week. Quiet hours are kept in any case.'),
  },
  'A notification to be sent.',
)
export type SendTimeRequest = Static<typeof SendTimeRequest>

export const SendTime = Shape(
  {
    send_at: { ...Timestamp, description: 'When to send it, ISO-8601, UTC.' },
    channel: OneOf(CHANNELS, 'By what.'),
    confidence: Type.Number({ minimum: 0, maximum: 1, description: 'How much of it rests on what this user did.' }),
    reason: Type.String({ description: 'Why then and why so.' }),
  },
  'When and how to send it.',
)
export type SendTime = Static<typeof SendTime>
