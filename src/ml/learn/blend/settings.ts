// What a training request can say about a blend.
import { type Static, Type } from 'typebox'
import { Labels } from '../answers.ts'

const Member = Type.Object(
  {
    algorithm: Type.String({ minLength: 1, description: 'Name of an algorithm of the same task, not another blend.' }),
    hyperparameters: Type.Unsafe<Record<string, unknown>>({
      type: 'object',
      default: {},
      description: 'As for that algorithm alone.',
    }),
    weight: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1e6,
      default: 1,
      description: 'What its answers count, in proportion to the others.',
    }),
  },
  { additionalProperties: false },
)

export const BlendSettings = Type.Object(
  {
    members: Type.Array(Member, {
      maxItems: 8,
      default: [],
      description:
        'Algorithms whose answers are averaged. None stands for the linear one, gradient_boosting and random_forest as they come.',
    }),
    average: Type.Unsafe<'answers' | 'log_odds'>({
      type: 'string',
      enum: ['answers', 'log_odds'],
      default: 'answers',
      description:
        'What is averaged: the answers, or, of two classes, their log odds. Of linear models and boosted trees the latter is explained exactly.',
    }),
    labels: Labels('balanced'),
  },
  { additionalProperties: false },
)
export type BlendSettings = Static<typeof BlendSettings>
export type MemberSettings = BlendSettings['members'][number]
