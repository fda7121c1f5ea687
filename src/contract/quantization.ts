// Smaller copies of a version: what making one cost and brought.
import { type Static, Type } from 'typebox'
import { Nullable, OneOf, Shape } from './schema.ts'

export const PRECISIONS = ['int8', 'fp16'] as const
export type Precision = (typeof PRECISIONS)[number]

const MEASURED_ON = ['held_out_rows', 'dataset', 'synthetic_input'] as const

export const precision = OneOf(
  PRECISIONS,
  'int8: weights of large products as whole numbers, their inputs too as they flow; fp16: weights stored in half the size.',
)

const beforeAfter = (what: string, description: string) =>
  Shape(
    {
      before: Type.Number({ description: `${what} of the version it was made from.` }),
      after: Type.Number({ description: `${what} of this version.` }),
    },
    description,
  )

export const Quantization = Shape(
  {
    precision,
    from_version: Type.String({ description: 'The version it was made from.' }),
    operators: Type.Record(Type.String(), Type.Integer(), {
      description: 'Nodes whose weights were made smaller, by operator; Cast for fp16.',
    }),
    weights: Type.Integer({ minimum: 0, description: 'Weights (numbers) that are stored smaller.' }),
    kept: Type.Array(
      Shape({
        operator: Type.String({ description: 'Operator, or "weights".' }),
        reason: Type.String({ description: 'Why they stay as they are.' }),
        nodes: Type.Integer({ minimum: 1, description: 'How many.' }),
      }),
      { description: 'What could have been quantized, and was not.' },
    ),
    size_bytes: beforeAfter('Size', 'Size of the model file.'),
    latency_ms: Type.Array(
      Shape({
        rows: Type.Integer({ minimum: 1, description: 'Rows in one run.' }),
        before: Type.Number({ description: 'Median of the version it was made from.' }),
        after: Type.Number({ description: 'Median of this version.' }),
      }),
      { description: 'Time of one run on one thread, both versions in turn, on the machine that made it.' },
    ),
    measured_on: OneOf(
      MEASURED_ON,
      'held_out_rows: those of its training; dataset: the one that was named; synthetic_input: numbers made up.',
    ),
    rows: Type.Integer({ minimum: 0, description: 'How many rows.' }),
    metric: Nullable(
      Shape(
        {
          name: Type.String({ description: 'The figure the gate compared.' }),
          before: Type.Number({ description: 'Of the version it was made from, on the same rows.' }),
          after: Type.Number({ description: 'Of this version.' }),
        },
        'How good both are.',
      ),
      'null without rows whose target is known.',
    ),
    differences: Nullable(
      Shape(
        {
          mean: Type.Number({ description: 'Mean distance.' }),
          largest: Type.Number({ description: 'Largest distance.' }),
          same_labels: Nullable(Type.Number(), 'Share of the rows that get the same label; null for numbers.'),
        },
        'Distance of probabilities or numbers between the answers of both.',
      ),
      'null where the model does not run on made-up numbers.',
    ),
    gate: Nullable(
      Shape(
        {
          promote: Type.Boolean({ description: 'It took over.' }),
          reason: Type.String({ description: 'Why, in words.' }),
        },
        'What the promotion gate decided.',
      ),
      'null where promotion was switched off.',
    ),
  },
  'What making a smaller copy cost and brought.',
)
export type Quantization = Static<typeof Quantization>
