// Why a model answered as it did: contributions that add up to the score, and what matters to a version as a whole.
import { type Static, Type } from 'typebox'
import { VersionNumber } from './models.ts'
import { Nullable, OneOf, Shape } from './schema.ts'

export const EXPLANATION_METHODS = ['tree_shap', 'linear', 'sampled_shapley'] as const
export type ExplanationMethod = (typeof EXPLANATION_METHODS)[number]

export const SCORE_SPACES = ['log_odds', 'probability', 'value', 'log_value'] as const
export type ScoreSpace = (typeof SCORE_SPACES)[number]

export const BACKGROUND_ORIGINS = ['training_rows', 'dataset', 'synthesised'] as const
export type BackgroundOrigin = (typeof BACKGROUND_ORIGINS)[number]

const method = OneOf(
  EXPLANATION_METHODS,
  'tree_shap and linear are exact; sampled_shapley asks the model about mixtures with the background.',
)
const space = OneOf(
  SCORE_SPACES,
  'Unit of all contributions: log_odds (the score before the logistic or softmax), probability, the value itself, or its logarithm.',
)
const origin = OneOf(
  BACKGROUND_ORIGINS,
  'Where the rows come from that stand for "not knowing" a column; synthesised: made up from the signature.',
)

const FeatureContribution = Shape({
  feature: Type.String({
    description: 'What the model sees of the column, such as "title:server down" or "job=admin".',
  }),
  value: Nullable(Type.Number(), 'Value of the feature; null when missing.'),
  contribution: Type.Number({ description: 'Its part of the contribution of the column.' }),
})

const Contribution = Shape({
  column: Type.String({ description: 'Input column.' }),
  value: Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], {
    description: 'Value given, null when missing; long text is cut.',
  }),
  contribution: Type.Number({ description: 'How far the column moved the score from the base value.' }),
  standard_error: Type.Optional(Nullable(Type.Number(), 'Of sampled contributions; null when too few were drawn.')),
  features: Type.Optional(
    Type.Array(FeatureContribution, {
      description: 'The up to 20 features of the column that contributed most, where it is more than one number.',
    }),
  ),
})

const Sampling = Shape(
  {
    evaluations: Type.Integer({ description: 'Mixtures the model was asked about.' }),
    exact: Type.Boolean({ description: 'All mixtures were asked about: nothing was left to chance.' }),
    background_rows: Type.Integer({ description: 'Rows of the background.' }),
  },
  'How it was sampled.',
)

export const Explanation = Shape(
  {
    method,
    output: Type.String({ description: 'What is explained: the predicted class, or "prediction" for a number.' }),
    space,
    base_value: Type.Number({ description: 'Score when nothing is known of the row: the average of the background.' }),
    score: Type.Number({ description: 'Score of the row: base_value and all contributions together.' }),
    contributions: Type.Array(Contribution, { description: 'One a column, the greatest first.' }),
    background: origin,
    sampling: Type.Optional(Sampling),
  },
  'Contributions of the columns to one answer.',
)
export type Explanation = Static<typeof Explanation>

const Importance = Shape({
  column: Type.String({ description: 'Input column.' }),
  mean_abs_contribution: Nullable(Type.Number(), 'Average size of its contribution; null where not computed.'),
  permutation: Nullable(
    Type.Number(),
    'How much worse the metric gets when the column is shuffled among the held-out rows; null where not computed.',
  ),
})

const PartialDependence = Shape({
  column: Type.String({ description: 'Input column.' }),
  outputs: Type.Array(Type.String(), { description: 'Class names, or "prediction".' }),
  points: Type.Array(
    Shape({
      value: Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], {
        description: 'Value of the column; null for a missing one.',
      }),
      predictions: Type.Array(Type.Number(), { description: 'Average answer for each of the outputs.' }),
    }),
    { description: 'Average answer over held-out rows if every one of them had this value; at most 20 values.' },
  ),
})

export const VersionExplanation = Shape(
  {
    model_id: Type.String({ description: 'Model id.' }),
    version: VersionNumber,
    method: Nullable(method, 'How rows of this version are explained; null where no row has been explained yet.'),
    space: Nullable(space, 'Unit of mean_abs_contribution; null where none was computed.'),
    metric: Nullable(Type.String(), 'Metric of the permutation importance.'),
    rows: Type.Integer({ description: 'Held-out rows the figures were computed on.' }),
    importance: Type.Array(Importance, { description: 'One a column, the greatest first; empty where not computed.' }),
    partial_dependence: Type.Array(PartialDependence, { description: 'Of the most important columns.' }),
    background: Shape(
      {
        origin,
        rows: Type.Integer({ description: 'Number of rows.' }),
        dataset_id: Type.Optional(Type.String({ description: 'The dataset they are from.' })),
      },
      'What explanations compare a row with.',
    ),
  },
  'What matters to a version as a whole.',
)
export type VersionExplanation = Static<typeof VersionExplanation>
