// A training run from spec to outcome, everything but the database. The model that is kept is the one fitted on the training
// rows, not refitted on all of them: the figures on the held-out rows then describe exactly the file that will serve.
import type { Clock } from '../../../core/clock.ts'
import { asFailure } from '../../../core/failure.ts'
import type { Encoding, EncodingPlan } from '../../../ml/encode/index.ts'
import type { FittedModel, Learner } from '../../../ml/learn/index.ts'
import type { Matrix } from '../../../ml/matrix.ts'
import { measureChampion } from './champion.ts'
import { crossValidate } from './cross-validate.ts'
import { type Decision, decide } from './decide.ts'
import { compareFigures } from './difference.ts'
import { encodingWarnings } from './encode.ts'
import { environment } from './environment.ts'
import { type ExplainRequest, prepareExplanations } from './explain/prepare.ts'
import { fitLearner, predictWith } from './fit.ts'
import { buildGraph, storeGraph } from './graph.ts'
import { encodingOf, type Learners, taught } from './learners.ts'
import { contractColumn, loadData } from './load.ts'
import { foldMetrics, gateMetric } from './measure.ts'
import { checkParity, isNotable } from './parity.ts'
import type { Predictions } from './predictions.ts'
import { createReporter, type Reporter } from './progress.ts'
import { report } from './report.ts'
import { roundingBounds } from './rounding.ts'
import { encodeRows, type Labelled } from './rows.ts'
import { scoreFile } from './score-file.ts'
import { describeSignature } from './signature.ts'
import { singleAnswerWarnings } from './single-answer.ts'
import type {
  ChampionResult,
  GateMetric,
  TrainingOutcome,
  TrainingProgress,
  TrainingSpec,
  TrainingStage,
} from './spec.ts'
import { foldRows, type SplitRows, splitRows } from './split.ts'
import { namingTarget } from './unfit.ts'

export interface TrainOptions {
  readonly progress: (progress: TrainingProgress) => void
  readonly signal: AbortSignal
  readonly clock: Clock
  /** By name; default: the algorithms of this package. */
  readonly learners?: Learners
}

interface Undecided {
  readonly spec: TrainingSpec
  readonly reporter: Reporter
  readonly options: TrainOptions
}

/** With one algorithm, its settings in the spec. */
interface Run {
  readonly spec: TrainingSpec
  readonly learner: Learner
  readonly choices: EncodingPlan
  readonly reporter: Reporter
  readonly clock: Clock
}

/**
 * Throws `invalid` TRAINING_DATA_INVALID (the details name column and remedy), `conflict` TRAINING_CANCELLED, or
 * `internal` PARITY_FAILED when the finished file does not say what was learned.
 */
export async function train(spec: TrainingSpec, options: TrainOptions): Promise<TrainingOutcome> {
  const { progress: send, signal, clock } = options
  for (const { algorithm } of [spec, ...(spec.candidates ?? [])]) taught(algorithm, options.learners)
  const reporter = createReporter({ stages: stagesOf(spec), send, signal, clock })
  const { heldOut, report: split, warnings, ...fitted } = await fitFinal({ spec, reporter, options })
  const { run, decision, encoding, model, folds } = fitted
  const { file, artifact } = await write(run, fitted)
  const checked = await compareWithLearner(run, { file, heldOut, fitted })
  const { measured, gate } = await evaluate(run, heldOut, checked.predictions)
  const explained = await explain(run, { ...fitted, file, heldOut, gate, predictions: checked.predictions })
  const champion = await compareWithChampion(run, heldOut, { gate, predictions: checked.predictions })
  return {
    algorithm: run.spec.algorithm,
    hyperparameters: run.spec.hyperparameters,
    metrics: { ...measured.metrics, ...foldMetrics(folds) },
    evaluation: {
      split,
      intervals: measured.intervals,
      classification: measured.classification,
      regression: measured.regression,
      folds: [...folds],
      leaderboard: [...decision.leaderboard],
      trials: [...decision.trials],
    },
    signature: fitted.signature,
    artifact,
    gateMetric: gate,
    ...(explained.files && { explanation: explained.files }),
    ...(champion && { champion }),
    featureNames: encoding.featureNames,
    warnings: [
      ...decision.warnings,
      ...warnings,
      ...encodingWarnings(encoding),
      ...model.warnings,
      ...checked.warnings,
      ...singleAnswerWarnings(heldOut.target, checked.predictions),
      ...explained.warnings,
    ],
    environment: environment(),
    trainedRows: split.train_rows,
    heldOutRows: split.test_rows,
    durations: reporter.durations,
  }
}

function stagesOf({ evaluation, champion, candidates = [], tuning }: TrainingSpec): TrainingStage[] {
  const choice = candidates.length > 1 ? (['choose'] as const) : []
  const search = tuning ? (['tune'] as const) : []
  const folds = evaluation.folds === undefined ? [] : (['cross-validate'] as const)
  const last = champion ? (['champion'] as const) : []
  return [
    'load',
    'split',
    ...choice,
    ...search,
    ...folds,
    'encode',
    'fit',
    'write',
    'parity',
    'evaluate',
    'explain',
    ...last,
  ]
}

interface Fitted {
  readonly run: Run
  readonly decision: Decision
  readonly signature: TrainingOutcome['signature']
  readonly encoding: Encoding
  readonly model: FittedModel
  /** The held-out rows as the learner sees them. */
  readonly matrix: Matrix
  readonly folds: readonly Readonly<Record<string, number>>[]
}

/** Everything that needs the training rows. They are not part of what is returned, so they can be let go. */
async function fitFinal(undecided: Undecided): Promise<Fitted & Omit<SplitRows, 'train'>> {
  const { spec: asked, reporter, options } = undecided
  const { train, ...kept } = await prepare(undecided)
  const columns = asked.features.map((name) => contractColumn(asked, name))
  const { learners, clock } = options
  const decision = await decide({ spec: asked, learners, columns, rows: train, clock, reporter })
  const { fit: learner } = taught(decision.candidate.algorithm, learners)
  const choices = encodingOf(decision.candidate, { learners, task: asked.modelType })
  const run: Run = { spec: { ...asked, ...decision.candidate }, learner, choices, reporter, clock }
  const signature = describeSignature(train.table, columns, train.target)
  const folds = await foldFigures(run, train)
  const encoded = await reporter.stage('encode', `Encoding ${train.table.rows} rows`, (step) =>
    encodeRows({ columns, choices, train: train.table, heldOut: kept.heldOut.table, step }),
  )
  const { width, features } = encoded.encoding
  const { hyperparameters, evaluation } = run.spec
  const fit = { hyperparameters, seed: evaluation.seed, matrix: encoded.train, features, target: train.target }
  const model = await reporter.stage('fit', `Learning from ${train.table.rows} rows and ${width} features`, (step) =>
    namingTarget(asked.target, () => fitLearner(learner, { ...fit, step })),
  )
  return { ...kept, run, decision, signature, encoding: encoded.encoding, model, matrix: encoded.heldOut, folds }
}

/** A function of its own, so that the whole table is let go once it is split. */
async function prepare({ spec, reporter }: Undecided): Promise<SplitRows> {
  const data = await reporter.stage('load', 'Reading the dataset', () => loadData(spec, reporter.signal))
  return reporter.stage('split', 'Holding out rows', () => splitRows(data, spec))
}

async function foldFigures({ spec, learner, choices, reporter }: Run, rows: Labelled): Promise<Fitted['folds']> {
  const { folds } = spec.evaluation
  if (folds === undefined) return []
  const columns = spec.features.map((name) => contractColumn(spec, name))
  return reporter.stage('cross-validate', `Cross-validating in ${folds} folds`, (step) =>
    namingTarget(spec.target, () =>
      crossValidate({ spec, learner, choices, columns, rows, folds: foldRows(rows, { spec, folds }), step }),
    ),
  )
}

interface Written {
  readonly file: Uint8Array
  readonly artifact: TrainingOutcome['artifact']
}

function write({ spec, reporter }: Run, fitted: Fitted): Promise<Written> {
  return reporter.stage('write', 'Writing the model file', async () => {
    const file = buildGraph(fitted, spec)
    return { file, artifact: await storeGraph(file, spec.outputDir) }
  })
}

interface ParityRequest {
  readonly file: Uint8Array
  readonly heldOut: Labelled
  readonly fitted: Fitted
}

interface Checked {
  /** Of the held-out rows, by the finished file. */
  readonly predictions: Predictions
  readonly warnings: readonly string[]
}

function compareWithLearner({ reporter }: Run, { file, heldOut, fitted }: ParityRequest): Promise<Checked> {
  const { model, matrix, signature } = fitted
  const { table, target } = heldOut
  const classes = target.task === 'classification' ? { classes: target.classes } : {}
  return reporter.stage('parity', 'Comparing the model file with the learner', async (step) => {
    const outputs = signature.outputs.map((output) => output.name)
    const graph = await scoreFile({ file, table, outputs, ...classes, step })
    const learner = predictWith(model, matrix, target.task)
    const difference = checkParity({ graph, learner, ...classes, rounding: () => roundingBounds(model, matrix) })
    const warnings = isNotable(difference, learner) ? [roundingWarning(difference)] : []
    return { predictions: graph, warnings }
  })
}

function roundingWarning(difference: number): string {
  return `The learned weights cancel each other so much that rounding moves the answers by up to ${difference.toPrecision(2)}: leave out columns that say nearly the same, or raise l2`
}

/** By the file rather than by the learner: what is measured is what will serve, and what the live version is asked too. */
function evaluate({ spec, reporter }: Run, { table, target }: Labelled, predictions: Predictions) {
  return reporter.stage('evaluate', `Measuring on ${table.rows} held-out rows`, () => {
    const measured = report(target, predictions, spec.evaluation.seed)
    return { measured, gate: gateMetric(spec, measured) }
  })
}

type Finished = Pick<
  ExplainRequest,
  'encoding' | 'model' | 'matrix' | 'signature' | 'file' | 'heldOut' | 'gate' | 'predictions'
>

/** A version that cannot be explained is still a version: what goes wrong here is a warning. */
function explain({ spec, reporter, clock }: Run, finished: Finished) {
  const { seed } = spec.evaluation
  const { outputDir } = spec
  return reporter.stage('explain', 'Preparing explanations', async (step) => {
    try {
      return { files: await prepareExplanations({ ...finished, seed, outputDir, clock, step }), warnings: [] }
    } catch (error) {
      const { code, message } = asFailure(error)
      if (code === 'TRAINING_CANCELLED') throw error
      return { files: undefined, warnings: [`Explanations could not be prepared: ${message}`] }
    }
  })
}

interface Challenge {
  readonly gate: GateMetric
  readonly predictions: Predictions
}

async function compareWithChampion(run: Run, heldOut: Labelled, own: Challenge): Promise<ChampionResult | undefined> {
  const { champion, contract } = run.spec
  if (!champion) return undefined
  const { table, target } = heldOut
  return run.reporter.stage('champion', `Measuring the live version ${champion.version}`, (step) =>
    measureChampion({
      champion,
      table,
      contract,
      ...(target.task === 'classification' && { classes: target.classes }),
      measure: (theirs) => compareFigures({ spec: run.spec, target, ...own, theirs }),
      step,
    }),
  )
}
