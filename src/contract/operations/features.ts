import { Type } from 'typebox'
import { Dataset } from '../datasets.ts'
import {
  EntityId,
  EntityType,
  EntityTypeName,
  FeatureName,
  FeatureValue,
  FeatureVector,
  IngestReport,
  Interaction,
} from '../features.ts'
import { command, query } from '../operation.ts'
import { AnyObject, Page, pageFields, Shape, Timestamp } from '../schema.ts'

const tag = 'Features'
const base = '/api/v1/ml/features'
const entity_type = EntityTypeName
const entity_id = EntityId
const names = Type.Optional(
  Type.Array(FeatureName, { minItems: 1, maxItems: 500, description: 'Only these features; default: all.' }),
)
const observedAt = Type.Optional(
  Type.String({ format: 'date-time', description: 'Since when the values hold, ISO-8601; default: now.' }),
)

export const featureOperations = {
  'features.declare': command({
    method: 'PUT',
    path: `${base}/{entity_type}`,
    tag,
    summary:
      'Declare a kind of entity with all its features, or declare it again with more; those left out are not read any more.',
    reply: 'envelope',
    message: 'Entity type declared',
    input: Shape({
      entity_type,
      features: EntityType.properties.features,
      ttl_seconds: Type.Optional(EntityType.properties.ttl_seconds),
    }),
    output: EntityType,
  }),
  'features.entity_types': query({
    method: 'GET',
    path: base,
    tag,
    summary: 'The declared kinds of entities.',
    reply: 'envelope',
    input: Shape({}),
    output: Shape({ items: Type.Array(EntityType, { description: 'By name.' }) }),
  }),
  'features.put': command({
    method: 'PUT',
    path: `${base}/{entity_type}/{entity_id}`,
    tag,
    summary: 'Write features of one entity; what is not named keeps its value.',
    reply: 'envelope',
    message: 'Features written',
    input: Shape({
      entity_type,
      entity_id,
      features: Type.Record(Type.String(), FeatureValue, { description: 'Feature → value; null unsets it.' }),
      observed_at: observedAt,
    }),
    output: FeatureVector,
  }),
  'features.get': query({
    method: 'GET',
    path: `${base}/{entity_type}/{entity_id}`,
    tag,
    summary: 'What is known of one entity, now or at an earlier moment.',
    reply: 'envelope',
    input: Shape({
      entity_type,
      entity_id,
      as_of: Type.Optional(Type.String({ format: 'date-time', description: 'Moment to look at; default: now.' })),
    }),
    output: FeatureVector,
  }),
  'features.read': query({
    method: 'POST',
    path: `${base}/{entity_type}/batch`,
    tag,
    summary: 'What is known of many entities, in the order asked.',
    body: 'fields',
    reply: 'envelope',
    input: Shape({
      entity_type,
      entity_ids: Type.Array(EntityId, { minItems: 1, maxItems: 10_000, description: 'Which.' }),
      features: names,
    }),
    output: Shape({ items: Type.Array(FeatureVector, { description: 'One an id, in the order given.' }) }),
  }),
  'features.ingest': command({
    method: 'POST',
    path: `${base}/{entity_type}/ingest`,
    tag,
    summary: 'Write many: rows, or a CSV or JSON lines file, with entity_id, observed_at and a column per feature.',
    body: 'fields-or-file',
    reply: 'envelope',
    message: 'Features ingested',
    input: Shape({
      entity_type,
      rows: Type.Optional(
        Type.Array(AnyObject('entity_id, observed_at? and features.'), {
          minItems: 1,
          maxItems: 100_000,
          description: 'The rows, instead of a file.',
        }),
      ),
    }),
    output: IngestReport,
  }),
  'features.training_table': command({
    method: 'POST',
    path: `${base}/{entity_type}/training-table`,
    tag,
    summary: 'A new dataset: each row of a dataset with the features as they were known at the time of the row.',
    reply: 'envelope',
    status: 201,
    message: 'Dataset created',
    idempotent: true,
    long: true,
    input: Shape({
      entity_type,
      dataset_id: Type.String({ description: 'The rows: who, when, and what happened.' }),
      entity_column: Type.String({ description: 'Its column with the entity id.' }),
      time_column: Type.String({ description: 'Its datetime column with the time of the row.' }),
      features: names,
      name: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'Name of the new dataset.' })),
    }),
    output: Dataset,
  }),
  'interactions.record': command({
    method: 'POST',
    path: '/api/v1/ml/interactions',
    tag,
    summary: 'Record what users did.',
    reply: 'envelope',
    status: 201,
    message: 'Interactions recorded',
    idempotent: true,
    input: Shape({
      interactions: Type.Array(Interaction, { minItems: 1, maxItems: 10_000, description: 'What happened.' }),
    }),
    output: Shape({
      recorded: Type.Integer({ description: 'New ones.' }),
      known: Type.Integer({ description: 'Those whose id was there already.' }),
    }),
  }),
  'interactions.list': query({
    method: 'GET',
    path: '/api/v1/ml/interactions',
    tag,
    summary: 'What users did, last recorded first.',
    reply: 'envelope',
    input: Shape({
      ...pageFields,
      user: Type.Optional({ ...EntityId, description: 'Only of this user.' }),
      event: Type.Optional(Type.String({ description: 'Only this event.' })),
    }),
    output: Page(Shape({ ...Interaction.properties, id: Type.String({ description: 'Its id.' }), at: Timestamp })),
  }),
}
