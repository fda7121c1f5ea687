// How good a version is: everything that was measured when it was trained, kept with it and never changed.
import { type Static, Type } from 'typebox'
import { VersionNumber } from './models.ts'
import { AnyObject, Nullable, OneOf, Shape, Timestamp } from './schema.ts'

const figures = (description: string) => Type.Record(Type.String(), Type.Number(), { description })
const count = (description: string) => Type.Integer({ minimum: 0, description })
const share = (description: string) => Type.Number({ description })

export const Interval = Shape(
  {
    low: Type.Number({ description: 'Lower end.' }),
    high: Type.Number({ description: 'Upper end.' }),
  },
  'Where a figure may lie, given how few rows it was measured on.',
)
export type Interval = Static<typeof Interval>

export const SPLIT_METHODS = ['stratified', 'random', 'time', 'grouped'] as const

export const EvaluationSplit = Shape(
  {
    method: OneOf(SPLIT_METHODS, 'How the held-out rows were chosen.'),
    train_rows: count('Rows learned from.'),
    test_rows: count('Rows held out.'),
    test_fraction: share('Share that was asked for.'),
    seed: count('Seed of the split.'),
    time_column: Type.Optional(Type.String({ description: 'Column that orders the rows in time.' })),
    group_column: Type.Optional(Type.String({ description: 'Column whose equal values stay on one side.' })),
    dropped_rows: count('Rows left out because their target is missing.'),
  },
  'Which rows were held out.',
)
export type EvaluationSplit = Static<typeof EvaluationSplit>

export const ClassFigures = Shape(
  {
    class: Type.String({ description: 'Class.' }),
    precision: share('Of the rows predicted to be of it, those that are.'),
    recall: share('Of its rows, those that were found.'),
    f1: share('Harmonic mean of both.'),
    support: count('Its held-out rows.'),
  },
  'Figures of one class.',
)

const Mistake = Shape({
  actual: Type.String({ description: 'True class.' }),
  predicted: Type.String({ description: 'Predicted class.' }),
  count: count('Rows.'),
})

const RocPoint = Shape({
  threshold: Nullable(Type.Number(), 'Scores of at least this count as positive; null where none does.'),
  false_positive_rate: share('Negatives taken for positive.'),
  true_positive_rate: share('Positives found.'),
})

const PrPoint = Shape({
  threshold: Type.Number({ description: 'Scores of at least this count as positive.' }),
  recall: share('Positives found.'),
  precision: share('Of those taken for positive, the positives.'),
})

const ThresholdRow = Shape({
  threshold: share('Probability of the second class from which on a row is taken for it.'),
  precision: share('Precision of the second class.'),
  recall: share('Recall of the second class.'),
  f1: share('F1 of the second class.'),
  accuracy: share('Accuracy.'),
  share: share('Share of the rows taken for the second class.'),
})

const CalibrationBin = Shape({
  predicted: share('Mean probability given.'),
  observed: share('Share of the rows in which it came true.'),
  rows: count('Rows of the bin.'),
})

export const ClassificationReport = Shape(
  {
    classes: Type.Array(Type.String(), { description: 'Classes in the order of the probabilities.' }),
    per_class: Type.Array(ClassFigures, { description: 'Figures of each class.' }),
    confusion: Shape(
      {
        matrix: Nullable(
          Type.Array(Type.Array(Type.Number(), { description: 'A true class.' })),
          'Rows by true class, then by predicted class; null above 100 classes.',
        ),
        mistakes: Type.Array(Mistake, { description: 'The 50 most frequent mistakes.' }),
      },
      'Which class was taken for which.',
    ),
    curves: Type.Array(
      Shape({
        class: Type.String({ description: 'The class that counts as positive.' }),
        roc: Type.Array(RocPoint, { description: 'ROC curve, at most 200 points.' }),
        pr: Type.Array(PrPoint, { description: 'Precision-recall curve, at most 200 points.' }),
      }),
      { description: 'Two classes: of the second; more: of the ten with the most rows, each against the others.' },
    ),
    thresholds: Type.Optional(Type.Array(ThresholdRow, { description: 'Two classes only: other thresholds.' })),
    calibration: Shape(
      {
        of: OneOf(['second_class', 'predicted_class'] as const, 'Whose probability is meant.'),
        bins: Type.Array(CalibrationBin, { description: 'Bins of about equally many rows.' }),
        error: share('Mean distance of both over the rows (expected calibration error).'),
      },
      'Whether what is said to be 80 % probable happens in 80 % of the cases.',
    ),
  },
  'What was found out about class predictions.',
)
export type ClassificationReport = Static<typeof ClassificationReport>

export const RegressionReport = Shape(
  {
    rows: count('Held-out rows.'),
    target: figures('mean, min and max of the target.'),
    errors: figures('mean, p50_absolute, p95_absolute and max_absolute of predicted − actual.'),
    residuals: Shape(
      {
        edges: Type.Array(Type.Number(), { description: 'Borders of the bins; the outermost take what is beyond.' }),
        counts: Type.Array(Type.Integer(), { description: 'Rows of each bin.' }),
      },
      'How predicted − actual is spread.',
    ),
  },
  'What was found out about predicted numbers.',
)
export type RegressionReport = Static<typeof RegressionReport>

const rankingFigures = (description: string) =>
  Shape(
    {
      recall: share('Of what users wanted later, the share that was in their list; mean over users.'),
      ndcg: share('Normalised discounted cumulative gain of the list; mean over users.'),
      coverage: share('Share of all items that were in somebody’s list.'),
    },
    description,
  )

export const RankingReport = Shape(
  {
    k: count('Length of the lists.'),
    users: count(
      'Users who did something new later, of whom these are the figures; at most 2,000 of them, evenly spread.',
    ),
    held_out_from: Nullable(
      Timestamp,
      'What happened from this moment on was foretold from what happened before; null where the moments tell no order, so that events were held out by chance.',
    ),
    figures: rankingFigures('Of this version’s method, fitted on what happened before.'),
    popularity: rankingFigures('Of the most popular items for everybody: what knows nobody.'),
    champion: Nullable(
      rankingFigures('Of the live version’s file.'),
      'null where there is none, or it had seen what was held out.',
    ),
    rating_rmse: Nullable(Type.Number(), 'Root mean squared error of foretold ratings; null where there are too few.'),
  },
  'How well lists of items foretell what users did later.',
)
export type RankingReport = Static<typeof RankingReport>

const hourFigures = (description: string) =>
  Shape(
    {
      top3_hour_hit: share('Share of users whose hour of the day was among the three likeliest.'),
      log_loss: Type.Number({ description: 'Of the hour of the week; lower is better.' }),
    },
    description,
  )

export const SendTimeReport = Shape(
  {
    users: count('Users whose last active hour was foretold.'),
    figures: hourFigures('Of this version, from what each user did before.'),
    everybody: hourFigures('Of the same answer for everybody: what knows nobody.'),
    champion: Nullable(
      hourFigures('Of the live version’s file.'),
      'null where there is none, or it answers something else.',
    ),
    by_history: Type.Array(
      Shape({
        hours: Type.String({ description: 'Active hours known before the one foretold, such as 2-4.' }),
        users: count('Such users.'),
        top3_hour_hit: share('Of this version.'),
        everybody_top3_hour_hit: share('Of the same answer for everybody.'),
      }),
      { description: 'The same by how much is known of a user.' },
    ),
  },
  'How well the hours in which users are active are foretold.',
)
export type SendTimeReport = Static<typeof SendTimeReport>

export const TRIAL_STATUSES = ['complete', 'pruned', 'failed', 'skipped'] as const

export const Trial = Shape(
  {
    kind: OneOf(['candidate', 'trial'] as const, 'A candidate of the choice, or a trial of the tuning.'),
    number: Type.Integer({ minimum: 0, description: 'Its place in the order of trying.' }),
    algorithm: Type.String({ description: 'Algorithm.' }),
    hyperparameters: AnyObject('Settings it was tried with, defaults filled in.'),
    status: OneOf(TRIAL_STATUSES, 'pruned: given up as hopeless; skipped: no time was left.'),
    metric: Type.String({ description: 'The figure that was compared.' }),
    value: Nullable(Type.Number(), 'Mean over the folds.'),
    std_error: Nullable(Type.Number(), 'Standard error of that mean.'),
    folds: Type.Array(Type.Number(), { description: 'The figure of each fold.' }),
    rows: count('Training rows it was compared on.'),
    seconds: Type.Number({ minimum: 0, description: 'Time it took.' }),
    chosen: Type.Boolean({ description: 'This is what the version was trained with.' }),
    reason: Type.Optional(Type.String({ description: 'Why it was given up, or has failed.' })),
  },
  'One configuration that was tried by cross-validation on the training rows.',
)
export type Trial = Static<typeof Trial>

export const GateReport = Shape(
  {
    promote: Type.Boolean({ description: 'It took over.' }),
    reason: Type.String({ description: 'Why, in words.' }),
    metric: Type.String({ description: 'The figure that decided.' }),
    value: Type.Number({ description: 'Of this version.' }),
    champion: Nullable(Type.String(), 'The version it was compared with.'),
    champion_value: Nullable(Type.Number(), 'Of that version, on the same rows.'),
    difference: Type.Optional(
      Shape(
        {
          difference: Type.Number({ description: 'Improvement: positive is better.' }),
          low: Type.Number({ description: 'Lower end of the interval.' }),
          high: Type.Number({ description: 'Upper end of the interval.' }),
          level: Type.Number({ description: 'Width of the interval, such as 0.95.' }),
        },
        'Paired bootstrap on the same held-out rows.',
      ),
    ),
  },
  'What the promotion gate decided.',
)
export type GateReport = Static<typeof GateReport>

/** As it is stored; a reply adds whose it is. */
export const evaluationFields = {
  split: EvaluationSplit,
  intervals: Type.Record(Type.String(), Interval, {
    description: '95 % bootstrap intervals of the main figures, by metric.',
  }),
  classification: Nullable(ClassificationReport, 'null for a regression.'),
  regression: Nullable(RegressionReport, 'null for a classification.'),
  ranking: Type.Optional(RankingReport),
  send_time: Type.Optional(SendTimeReport),
  folds: Type.Array(figures('By metric.'), { description: 'Figures of each fold, where folds were asked for.' }),
  leaderboard: Type.Array(Trial, { description: 'The candidates among which the algorithm was chosen, best first.' }),
  trials: Type.Array(Trial, { description: 'The trials of the tuning, in order.' }),
  gate: GateReport,
  warnings: Type.Array(Type.String(), { description: 'What a person should look at.' }),
}
const Stored = Shape(evaluationFields)
export type StoredEvaluation = Static<typeof Stored>

export const EvaluationReport = Shape(
  {
    model_id: Type.String({ description: 'Model id.' }),
    version: VersionNumber,
    metrics: figures('Figures on the held-out rows.'),
    ...evaluationFields,
  },
  'Everything that was measured when a version was trained.',
)
export type EvaluationReport = Static<typeof EvaluationReport>
