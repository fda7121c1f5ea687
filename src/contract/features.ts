// Features: what is known of an entity (a user, a destination) and since when; and interactions, the events they come from.
import { type Static, Type } from 'typebox'
import { Nullable, OneOf, Shape, SOUND_TEXT, Timestamp } from './schema.ts'

export const FEATURE_DTYPES = ['number', 'integer', 'boolean', 'string', 'datetime', 'numbers', 'strings'] as const
export type FeatureDtype = (typeof FEATURE_DTYPES)[number]

export const EntityTypeName = Type.String({
  pattern: '^[A-Za-z][A-Za-z0-9_.-]{0,63}$',
  description: 'Kind of entity, such as "user": a letter, then letters, digits, "_", "-", "."; at most 64.',
})

export const EntityId = Type.String({
  minLength: 1,
  maxLength: 256,
  pattern: SOUND_TEXT,
  description: 'Id of the entity in your system.',
})

export const FeatureName = Type.String({
  pattern: '^(?!__proto__$)[A-Za-z_][A-Za-z0-9_.-]{0,127}$',
  description:
    'Name of the feature: a letter or "_", then letters, digits, "_", "-", "."; at most 128; not "__proto__".',
})

/** A thousand years: what is longer no database can take from a moment. */
const LONGEST_TTL_SECONDS = 31_536_000_000

const Ttl = Nullable(
  Type.Number({ exclusiveMinimum: 0, maximum: LONGEST_TTL_SECONDS }),
  'Seconds after which a value no longer counts; null: never. A feature without its own has that of its entity type.',
)

export const Feature = Shape(
  {
    name: FeatureName,
    dtype: OneOf(FEATURE_DTYPES, 'Type of the values; `numbers` and `strings` are lists of up to 1,024.'),
    ttl_seconds: Type.Optional(Ttl),
    description: Type.Optional(Type.String({ maxLength: 1024, description: 'What it says.' })),
  },
  'One declared feature.',
)
export type Feature = Static<typeof Feature>

export const EntityType = Shape(
  {
    entity_type: EntityTypeName,
    features: Type.Array(Feature, { minItems: 1, maxItems: 500, description: 'Its features.' }),
    ttl_seconds: Ttl,
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  'A kind of entity and its features.',
)
export type EntityType = Static<typeof EntityType>

export const FeatureValue = Type.Union(
  [Type.Number(), Type.String(), Type.Boolean(), Type.Array(Type.Number()), Type.Array(Type.String()), Type.Null()],
  { description: 'A value of the declared type; null: not known.' },
)
export type FeatureValue = Static<typeof FeatureValue>

export const FeatureVector = Shape(
  {
    entity_type: EntityTypeName,
    entity_id: EntityId,
    found: Type.Boolean({ description: 'Whether anything was ever written of this entity.' }),
    features: Type.Record(Type.String(), FeatureValue, {
      description: 'Every feature asked for; null where there is no value that still counts.',
    }),
    observed_at: Type.Record(Type.String(), Timestamp, {
      description: 'Since when each value that is not null holds.',
    }),
  },
  'What is known of one entity.',
)
export type FeatureVector = Static<typeof FeatureVector>

export const IngestReport = Shape(
  {
    accepted: Type.Integer({ description: 'Rows that were written.' }),
    rejected: Type.Integer({ description: 'Rows that were not.' }),
    errors: Type.Array(
      Shape({
        row: Type.Integer({ description: 'Row, from 1 (the header is not counted).' }),
        field: Type.String({ description: 'Column.' }),
        message: Type.String({ description: 'What is wrong with it.' }),
        value: Type.Optional(Type.Unknown({ description: 'What was found.' })),
      }),
      { description: 'The first 100 faults.' },
    ),
  },
  'What became of the rows.',
)
export type IngestReport = Static<typeof IngestReport>

export const Interaction = Shape(
  {
    id: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        pattern: SOUND_TEXT,
        description: 'Your id: the same one again is not counted twice.',
      }),
    ),
    user_id: EntityId,
    item_id: Type.Optional({ ...EntityId, description: 'What it was about.' }),
    event: Type.String({
      pattern: '^[A-Za-z][A-Za-z0-9_.-]{0,63}$',
      description: 'What happened: viewed, booked, rated, opened, …',
    }),
    at: Type.Optional(Type.String({ format: 'date-time', description: 'When, ISO-8601; default: now.' })),
    channel: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, pattern: SOUND_TEXT, description: 'push, email, sms, web, …' }),
    ),
    value: Type.Optional(Type.Number({ description: 'How much: a rating, a price, a duration.' })),
    context: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'Anything else, as JSON.' })),
  },
  'Something a user did.',
)
export type Interaction = Static<typeof Interaction>
