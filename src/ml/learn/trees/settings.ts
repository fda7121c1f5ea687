// The hyperparameters of gradient boosting and random forests, under the names that LightGBM made usual.
import { type Static, Type } from 'typebox'
import { Labels } from '../answers.ts'

const closed = { additionalProperties: false }

const integer = (standard: number, range: { minimum: number; maximum: number }, description: string) =>
  Type.Integer({ ...range, default: standard, description })
const number = (standard: number, range: { minimum: number; maximum: number }, description: string) =>
  Type.Number({ ...range, default: standard, description })
const choice = <const T extends string>(standard: T, values: readonly T[], description: string) =>
  Type.Unsafe<T>({ type: 'string', enum: [...values], default: standard, description })

const share = { minimum: 0.01, maximum: 1 }
const orNone = { minimum: 0, maximum: 1 }

const regularisation = {
  min_data_in_leaf: integer(
    0,
    { minimum: 0, maximum: 1e9 },
    'Rows a leaf must have, at least; 0 is 20, or an eighth of the rows of a small table, or 5 or 3 where that does better.',
  ),
  min_sum_hessian_in_leaf: number(
    1e-3,
    { minimum: 0, maximum: 1e9 },
    'Summed second derivative a leaf must have, at least: for squared errors the summed weight of its rows.',
  ),
  min_gain_to_split: number(0, { minimum: 0, maximum: 1e12 }, 'What a split must save in the summed loss, at least.'),
  lambda_l1: number(0, { minimum: 0, maximum: 1e9 }, 'Strength of the absolute penalty on leaf values.'),
  lambda_l2: number(1, { minimum: 0, maximum: 1e9 }, 'Strength of the squared penalty on leaf values.'),
  max_bin: integer(255, { minimum: 2, maximum: 255 }, 'Bins that the values of a number are sorted into.'),
}

const categories = {
  cat_smooth: number(
    10,
    { minimum: 0, maximum: 1e9 },
    'Draws categories of few rows towards the middle of the order; rarer ones than this are not split on.',
  ),
  cat_l2: number(10, { minimum: 0, maximum: 1e9 }, 'lambda_l2 on top for splits between many categories.'),
  max_cat_threshold: integer(32, { minimum: 1, maximum: 255 }, 'Categories on the smaller side of a split, at most.'),
  max_cat_to_onehot: integer(4, { minimum: 1, maximum: 255 }, 'Up to so many categories, one is split from the rest.'),
  min_data_per_group: integer(
    100,
    { minimum: 1, maximum: 1e9 },
    'Rows that categories must add before a further split between them is considered.',
  ),
}

const classWeight = choice(
  'none',
  ['balanced', 'none'],
  '"balanced" gives every class the same total weight, however rare it is.',
)
const threads = integer(
  0,
  { minimum: 0, maximum: 64 },
  'Threads to use; 0 takes as many as the rows and the machine make worthwhile. The model is the same.',
)

const OBJECTIVES = ['auto', 'squared', 'absolute', 'huber', 'quantile', 'poisson'] as const

export const BoostingSettings = Type.Object(
  {
    n_estimators: integer(
      0,
      { minimum: 0, maximum: 20_000 },
      'Rounds of boosting: trees, or trees per class with more than two classes. 0 decides by cross-validation within the training rows (at most 800), in large tables 200.',
    ),
    learning_rate: number(
      0.05,
      { minimum: 1e-5, maximum: 1 },
      'Share of each tree that is added; twice that where fits are averaged unasked.',
    ),
    bags: integer(
      0,
      { minimum: 0, maximum: 50 },
      'Fits whose average is the model, each without one of so many parts of the rows, and without early stopping; 0 is 1, or 5 where the number of rounds is found among fewer than 1,000 rows.',
    ),
    max_leaves: Type.Integer({
      minimum: 0,
      maximum: 4096,
      not: { const: 1 },
      default: 0,
      description: 'Leaves of a tree, at most; 0 is 31, or 128 where that does better.',
    }),
    max_depth: integer(0, { minimum: 0, maximum: 64 }, 'Splits between the root and a leaf, at most; 0 for no limit.'),
    grow_policy: choice(
      'leafwise',
      ['leafwise', 'depthwise'],
      '"leafwise" splits the leaf that gains most, "depthwise" level by level.',
    ),
    ...regularisation,
    subsample: number(
      0,
      orNone,
      'Share of the rows that each tree is grown from; 0 is 0.8, or 0.6 where that does better.',
    ),
    colsample: number(
      0,
      orNone,
      'Share of the features that each tree is grown from; 0 is 0.7, or 0.5 or 1 where that does better.',
    ),
    ...categories,
    objective: choice(
      'auto',
      OBJECTIVES,
      'Loss of a regression; "auto" is squared errors. Classification minimises log loss.',
    ),
    alpha: number(
      0.9,
      { minimum: 0.001, maximum: 0.999 },
      'The quantile of objective "quantile"; for "huber" the quantile of the absolute errors above which they count linearly.',
    ),
    early_stopping_rounds: integer(
      0,
      { minimum: 0, maximum: 1000 },
      'Stop when a validation part of the training rows has not improved for so many rounds, and keep the best; 0 never stops.',
    ),
    validation_fraction: number(
      0.1,
      { minimum: 0.01, maximum: 0.5 },
      'Share of the training rows that early stopping sets aside.',
    ),
    monotone_constraints: Type.Record(Type.String(), Type.Unsafe<1 | -1>({ type: 'integer', enum: [1, -1] }), {
      default: {},
      description:
        'By column: 1 where a larger number must never lower the prediction, -1 where it must never raise it.',
    }),
    class_weight: classWeight,
    labels: Labels('balanced'),
    threads,
  },
  closed,
)
export type BoostingSettings = Static<typeof BoostingSettings>

export const ForestSettings = Type.Object(
  {
    n_estimators: integer(
      200,
      { minimum: 1, maximum: 5000 },
      'Trees; with more than two classes, so many for each class.',
    ),
    max_leaves: integer(1024, { minimum: 2, maximum: 65_536 }, 'Leaves of a tree, at most.'),
    max_depth: integer(0, { minimum: 0, maximum: 64 }, 'Splits between the root and a leaf, at most; 0 for no limit.'),
    min_data_in_leaf: integer(
      0,
      { minimum: 0, maximum: 1e9 },
      'Rows a leaf must have, at least; 0 is 3 for classes and 1 for numbers.',
    ),
    min_gain_to_split: number(0, { minimum: 0, maximum: 1e12 }, 'What a split must save in the summed loss, at least.'),
    subsample: number(1, share, 'Rows drawn for each tree, with replacement, as a share of all rows.'),
    colsample_bynode: number(
      0,
      { minimum: 0, maximum: 1 },
      'Share of the features that each split chooses from; 0 decides by the rows that trees have not seen, between all and their square root (a third for numbers).',
    ),
    max_bin: regularisation.max_bin,
    ...categories,
    class_weight: classWeight,
    labels: Labels('balanced'),
    threads,
  },
  closed,
)
export type ForestSettings = Static<typeof ForestSettings>
