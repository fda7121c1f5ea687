// The stage that prepares explanations: what serving needs to explain single answers, and what matters to the version as a
// whole. All of it on held-out rows and within a few seconds: figures that time does not reach are left out, never guessed.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Signature, SignatureInput } from '../../../../contract/models.ts'
import type { Clock } from '../../../../core/clock.ts'
import { seededRandom, shuffle } from '../../../../core/random.ts'
import type { Encoding } from '../../../../ml/encode/index.ts'
import { spaceOf } from '../../../../ml/explain/scores.ts'
import type { StoredExplanation, StoredReport } from '../../../../ml/explain/stored.ts'
import { type Column, selectRows } from '../../../../ml/table.ts'
import { measure } from '../measure.ts'
import type { Predictions } from '../predictions.ts'
import type { Step } from '../progress.ts'
import type { Labelled } from '../rows.ts'
import { openScorer, type Scorer } from '../score-file.ts'
import type { GateMetric, TrainingOutcome } from '../spec.ts'
import type { Target } from '../target.ts'
import { rowsOf } from './cells.ts'
import { partialDependence } from './dependence.ts'
import { contributionSizes, permutationLosses } from './importance.ts'
import { type KeptLearner, keepLearner, type LearnerRequest } from './learner.ts'

const TIME_MS = 8000
const SAMPLE_ROWS = 500
const BACKGROUND_ROWS = 100
const DEPENDENCE_COLUMNS = 6

export interface ExplainRequest extends LearnerRequest {
  readonly heldOut: Labelled
  readonly signature: Signature
  readonly gate: GateMetric
  readonly seed: number
  readonly outputDir: string
  readonly clock: Clock
  readonly step: Step
}

/** What the figures are made from. */
export interface Figures {
  readonly learner: KeptLearner | undefined
  readonly encoding: Encoding
  readonly matrix: LearnerRequest['matrix']
  readonly predictions: Predictions
  readonly heldOut: Labelled
  /** Held-out rows, drawn at random. */
  readonly sample: Uint32Array
  /** Columns in the order of the signature. */
  readonly names: readonly string[]
  readonly scorer: Scorer
  readonly metric: GateMetric
  readonly measured: (target: Target, predictions: Predictions) => number | undefined
  readonly seed: number
  readonly expired: () => boolean
  readonly step: Step
}

/** Writes explanation.json and, where the learner can be taken apart, explainer.json into the output folder. */
export async function prepareExplanations(
  request: ExplainRequest,
): Promise<NonNullable<TrainingOutcome['explanation']>> {
  const { heldOut, signature, file, seed, clock, outputDir, gate } = request
  const learner = keepLearner(request)
  const deadline = clock.elapsedMs() + TIME_MS
  const rows = shuffle(
    Uint32Array.from({ length: heldOut.table.rows }, (_, row) => row),
    seededRandom(seed),
  )
  const names = signature.inputs.map(({ name }) => name)
  const { target } = heldOut
  const classes = target.task === 'classification' ? { classes: target.classes } : {}
  const scorer = await openScorer({ file, outputs: signature.outputs.map(({ name }) => name), ...classes })
  try {
    const figures: Figures = {
      ...request,
      learner,
      sample: rows.slice(0, SAMPLE_ROWS),
      names,
      scorer,
      metric: gate,
      measured: (target, predictions) => measure(target, predictions).metrics[gate.name],
      expired: () => clock.elapsedMs() > deadline,
    }
    const report = await reportOf(figures, signature.inputs)
    const background = rowsOf(selectRows(heldOut.table, rows.slice(0, BACKGROUND_ROWS)), signature.inputs)
    const stored: StoredExplanation = {
      schema_version: 1,
      background: { origin: 'training_rows', rows: background },
      report,
    }
    const path = await write(outputDir, 'explanation.json', stored)
    return { path, ...(learner && { explainer: await write(outputDir, 'explainer.json', learner.stored) }) }
  } finally {
    await scorer.close()
  }
}

async function reportOf(figures: Figures, inputs: readonly SignatureInput[]): Promise<StoredReport> {
  const { learner, names, metric, sample, heldOut } = figures
  const sizes = await contributionSizes(figures)
  const losses = await permutationLosses(figures)
  const importance = names
    .map((column, i) => ({ column, mean_abs_contribution: sizes?.[i] ?? null, permutation: losses[i] ?? null }))
    .sort((a, b) => (b.mean_abs_contribution ?? 0) - (a.mean_abs_contribution ?? 0))
  const forms = heldOut.table.columns as ReadonlyMap<string, Column>
  const listable = importance.filter(({ column }) => forms.get(column)?.form !== 'text').slice(0, DEPENDENCE_COLUMNS)
  const chosen = listable.map(({ column }) => inputs.find(({ name }) => name === column)!)
  const classifier = heldOut.target.task === 'classification'
  return {
    method: learner ? (learner.stored.learner.kind === 'linear' ? 'linear' : 'tree_shap') : 'sampled_shapley',
    space: learner ? spaceOf(learner.explainer.link, classifier) : classifier ? 'probability' : 'value',
    metric: metric.name,
    rows: sample.length,
    importance,
    partial_dependence: await partialDependence(figures, chosen),
  }
}

async function write(folder: string, name: string, document: unknown): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, JSON.stringify(document))
  return path
}
