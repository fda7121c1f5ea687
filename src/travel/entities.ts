// What the travel services read of users and destinations, as declarations for the feature store. A tenant declares what it
// has: a service takes what is missing, or of another type, for not known.
import type { EntityType } from '../contract/features.ts'

export type Declaration = Pick<EntityType, 'entity_type' | 'features'>

export const USER: Declaration = {
  entity_type: 'user',
  features: [
    { name: 'interests', dtype: 'strings', description: 'What the user likes: art, food, hiking.' },
    { name: 'travel_style', dtype: 'strings', description: 'How they travel: backpacking, luxury, family.' },
    { name: 'personality', dtype: 'numbers', description: 'Five traits, each 0 to 1, always in the same order.' },
    { name: 'budget', dtype: 'string', description: 'low, medium or high.' },
    { name: 'pace', dtype: 'number', description: '0 (one place for weeks) to 1 (a city a day).' },
    { name: 'available_from', dtype: 'datetime', description: 'First day on which they can travel.' },
    { name: 'available_to', dtype: 'datetime', description: 'Last day on which they can travel.' },
    { name: 'home_country', dtype: 'string', description: 'Where they live.' },
    { name: 'timezone', dtype: 'string', description: 'IANA time zone, such as Europe/Rome.' },
    { name: 'quiet_from', dtype: 'integer', description: 'Hour of the day from which no message is wanted, 0 to 23.' },
    { name: 'quiet_to', dtype: 'integer', description: 'Hour of the day from which messages are wanted again.' },
    { name: 'muted_channels', dtype: 'strings', description: 'Channels not to be used: push, email, sms.' },
    { name: 'segment', dtype: 'string', description: 'Group of similar users, as you divide them.' },
  ],
}

export const DESTINATION: Declaration = {
  entity_type: 'destination',
  features: [
    { name: 'name', dtype: 'string', description: 'Name to be shown.' },
    { name: 'tags', dtype: 'strings', description: 'What it offers, in the words of the interests.' },
    { name: 'country', dtype: 'string', description: 'Where it lies.' },
    { name: 'budget', dtype: 'string', description: 'low, medium or high.' },
    { name: 'durations', dtype: 'strings', description: 'weekend, week, month: what it is good for.' },
    { name: 'latitude', dtype: 'number', description: 'Degrees north; for you, no service looks at it.' },
    { name: 'longitude', dtype: 'number', description: 'Degrees east; for you, no service looks at it.' },
  ],
}
