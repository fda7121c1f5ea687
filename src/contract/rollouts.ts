// What is known of a roll-out: who answers how much, how well, and whether the difference means anything.
import { type Static, Type } from 'typebox'
import { Environment, VersionNumber } from './models.ts'
import { InputRow, PredictedValue } from './predictions.ts'
import { Nullable, OneOf, Shape, Timestamp } from './schema.ts'
import { ROLLOUT_TYPES, Strategy } from './strategy.ts'

export const ROLLOUT_STATES = ['running', 'promoted', 'rolled_back', 'superseded'] as const
export type RolloutState = (typeof ROLLOUT_STATES)[number]

export const LatencyReport = Shape(
  {
    p50: Type.Number({ description: 'Median.' }),
    p95: Type.Number({ description: '95th percentile.' }),
    p99: Type.Number({ description: '99th percentile.' }),
  },
  'Time inside the service, in milliseconds; right to 5 %.',
)

export const QualityReport = Shape(
  {
    metric: OneOf(['accuracy', 'mean_absolute_error'] as const, 'What is measured against the outcomes.'),
    value: Type.Number({ description: 'Its value.' }),
    outcomes: Type.Integer({ description: 'Predictions whose outcome is known.' }),
  },
  'Live quality, by feedback.',
)
export type QualityReport = Static<typeof QualityReport>

export const ArmReport = Shape(
  {
    version: VersionNumber,
    requests: Type.Integer({ description: 'Requests; of a shadow, copies that were run.' }),
    errors: Type.Integer({
      description: 'Failed ones, refused input included; not those whose caller left or that found no room.',
    }),
    error_rate: Nullable(Type.Number(), 'errors / requests; null without requests.'),
    latency_ms: Nullable(LatencyReport, 'Null without answers.'),
    quality: Nullable(QualityReport, 'Null without outcomes.'),
  },
  'One version of a roll-out, since its last change.',
)
export type ArmReport = Static<typeof ArmReport>

export const ArmComparison = Shape(
  {
    subject: OneOf(['errors', 'latency', 'quality'] as const, 'What is compared.'),
    champion: Type.Number({ description: 'Error rate, median in milliseconds, or quality of the live version.' }),
    challenger: Type.Number({ description: 'The same of the version that is rolled out.' }),
    method: Type.String({ description: 'The test behind `p_value`.' }),
    p_value: Type.Number({ description: 'For one look, at a number of requests fixed beforehand.' }),
    always_valid_p: Type.Number({ description: 'However often one looks, and whenever one stops.' }),
    significant: Type.Boolean({ description: 'always_valid_p is below 0.05.' }),
    sentence: Type.String({ description: 'The same in words.' }),
  },
  'The two versions side by side.',
)
export type ArmComparison = Static<typeof ArmComparison>

export const DifferenceExample = Shape(
  {
    input: InputRow,
    champion: PredictedValue,
    challenger: PredictedValue,
    difference: Nullable(Type.Number(), 'Largest difference of a probability, or of the value.'),
    at: Timestamp,
  },
  'A row that the two answered differently.',
)
export type DifferenceExample = Static<typeof DifferenceExample>

export const DifferenceReport = Shape(
  {
    rows: Type.Integer({ description: 'Rows that both answered.' }),
    disagreements: Type.Integer({ description: 'Rows with another class; for numbers, with another value.' }),
    disagreement_rate: Nullable(Type.Number(), 'disagreements / rows.'),
    mean_difference: Nullable(
      Type.Number(),
      'Mean over the rows of the largest difference of a probability, or of the value.',
    ),
    max_difference: Nullable(Type.Number(), 'The largest of them.'),
    dropped: Type.Integer({ description: 'Copies that were not run, because too many were waiting.' }),
    examples: Type.Array(DifferenceExample, { description: 'The rows that differed most, at most 10.' }),
  },
  'What a shadow answered differently.',
)
export type DifferenceReport = Static<typeof DifferenceReport>

export const RolloutReplica = Shape(
  {
    replica: Type.String({ description: 'One process.' }),
    ready: Type.Boolean({ description: 'The version is loaded and warm there, so it takes traffic.' }),
    error: Type.Optional(Type.String({ description: 'Why it does not load.' })),
    seen_at: Timestamp,
  },
  'A process that follows the roll-out.',
)
export type RolloutReplica = Static<typeof RolloutReplica>

export const RolloutReport = Shape(
  {
    id: Type.String({ description: 'Roll-out id, `rollout_…`.' }),
    model_id: Type.String({ description: 'Model id.' }),
    environment: Environment,
    type: OneOf(ROLLOUT_TYPES, 'Whether the version answers, or only follows.'),
    state: OneOf(
      ROLLOUT_STATES,
      'running; or how it ended: promoted, rolled back, or superseded by another deployment.',
    ),
    champion: ArmReport,
    challenger: ArmReport,
    strategy: Strategy,
    stage: Type.Integer({ description: 'Raised by every change; figures belong to the last stage.' }),
    started_at: Timestamp,
    stage_at: Timestamp,
    ready_at: Nullable(Timestamp, 'When the version was first loaded; baking begins then, and again with every stage.'),
    baked_at: Nullable(Timestamp, 'When the baking period ended well.'),
    ended_at: Nullable(Timestamp, 'When it ended.'),
    actor: Type.String({ description: 'Who changed it last.' }),
    reason: Type.String({ description: 'Why it was changed last.' }),
    outcome: Nullable(Type.String(), 'Why it ended as it did.'),
    replicas: Type.Array(RolloutReplica, { description: 'Who follows it.' }),
    comparisons: Type.Array(ArmComparison, { description: 'Where both versions have figures.' }),
    differences: Nullable(DifferenceReport, 'Of a shadow.'),
    summary: Type.String({ description: 'How it stands, in a sentence or two.' }),
  },
  'A roll-out with its figures.',
)
export type RolloutReport = Static<typeof RolloutReport>
