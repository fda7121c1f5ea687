// How a version takes traffic: at once, a share of it, or copies of it. Every field but the type may be left out; a second
// deployment of the same version changes only the fields it gives.
import { type Static, Type } from 'typebox'
import { OneOf, Shape } from './schema.ts'

export const ROLLOUT_TYPES = ['canary', 'shadow'] as const
export type RolloutType = (typeof ROLLOUT_TYPES)[number]

export const RolloutLimits = Shape(
  {
    max_error_rate: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description:
          'Share of failed requests, refused input included; counted only beyond what the live version has. Default 0.05.',
      }),
    ),
    max_latency_ratio: Type.Optional(
      Type.Number({
        minimum: 1,
        maximum: 1000,
        description:
          'Latency, as a multiple of that of the live version, at the median or at the 95th percentile, and by more than 1 ms. Default 2.',
      }),
    ),
    min_quality: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'Classification: share of right answers, by feedback. Default: no floor.',
      }),
    ),
    max_quality_drop: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 10,
        description:
          'By how much live quality may be worse than that of the live version: classification, in share of right answers; ' +
          'numbers, in mean absolute error relative to it. Default 0; whatever it is, only a significant difference counts.',
      }),
    ),
    min_requests: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000_000,
        description: 'Requests (for quality: outcomes) of the version before it is judged or promoted. Default 20.',
      }),
    ),
  },
  'What rolls a canary back while it bakes.',
)
export type RolloutLimits = Static<typeof RolloutLimits>

export const Strategy = Shape(
  {
    type: OneOf(
      ['all', ...ROLLOUT_TYPES] as const,
      'all: the version is live. canary: it answers a share of the requests. shadow: it is run on copies of requests, after the reply.',
    ),
    percent: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 100,
        description: 'Share of the requests, in percent; of a canary by default 10, of a shadow 100.',
      }),
    ),
    sticky_by: Type.Optional(
      Type.String({
        maxLength: 256,
        description:
          'Input column whose value keeps a caller on one version. Without it, or where a row has no value: the header ' +
          '`X-Sticky-Key`, else every request by itself.',
      }),
    ),
    bake_seconds: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 31_536_000,
        description:
          'How long a canary is watched after it is loaded or changed, and rolled back when it breaks a limit. Default 600; 0: not at all.',
      }),
    ),
    limits: Type.Optional(RolloutLimits),
    auto_promote: Type.Optional(
      Type.Boolean({ description: 'Make a canary live once it has baked without breaking a limit. Default false.' }),
    ),
  },
  'How a version takes traffic.',
)
export type Strategy = Static<typeof Strategy>
