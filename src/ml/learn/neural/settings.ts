// What a training request can say about a neural network.
import { type Static, Type } from 'typebox'
import { Labels } from '../answers.ts'

const choice = <T extends string>(values: readonly T[], standard: T, description: string) =>
  Type.Unsafe<T>({ type: 'string', enum: [...values], default: standard, description })

export const NeuralSettings = Type.Object(
  {
    learning_rate: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 0.001,
      description: 'Step size of Adam.',
    }),
    epochs: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 100,
      description: 'Passes over the training rows, at most: see early_stopping.',
    }),
    batch_size: Type.Integer({
      minimum: 0,
      maximum: 65_536,
      default: 0,
      description: 'Rows of one step. 0 chooses a fiftieth of the rows, between 16 and 256.',
    }),
    hidden_layers: Type.Array(Type.Integer({ minimum: 1, maximum: 4096 }), {
      maxItems: 8,
      default: [64, 64],
      description: 'Width of each hidden layer; none at all makes a linear model.',
    }),
    activation: choice(['relu', 'tanh'], 'relu', 'What bends the output of a hidden layer.'),
    dropout: Type.Number({
      minimum: 0,
      maximum: 0.95,
      default: 0,
      description: 'Share of the hidden outputs put to zero in each step, another draw for every row.',
    }),
    weight_decay: Type.Number({
      minimum: 0,
      maximum: 10,
      default: 0.01,
      description: 'Pull of the weights to zero, per step and learning rate (AdamW); not of the constants.',
    }),
    early_stopping: Type.Integer({
      minimum: 0,
      maximum: 1000,
      default: 10,
      description:
        'Epochs without a lower loss on rows kept out of learning after which to stop: a tenth of the training rows, and the best weights are kept; below 1,000 rows each fifth in turn, and as many epochs as were best are then learned from all rows. 0 learns from all rows to the last epoch.',
    }),
    class_weight: choice(
      ['balanced', 'none'],
      'none',
      '"balanced" gives every class the same total weight, however rare it is. Classification only.',
    ),
    labels: Labels('balanced'),
  },
  { additionalProperties: false },
)
export type NeuralSettings = Static<typeof NeuralSettings>
