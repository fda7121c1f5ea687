// Rules of training: which algorithm, with which settings, on which columns; and when a new version takes over.
import type { ContractColumn, DataContract } from '../../contract/datasets.ts'
import { DEFAULT_ENVIRONMENT, type ModelType } from '../../contract/models.ts'
import { Evaluation, type Promotion, type TrainRequest, Tuning } from '../../contract/training.ts'
import { compileCheck } from '../../core/check.ts'
import { type FieldError, invalid } from '../../core/failure.ts'
import type { AlgorithmName } from '../../ml/learn/index.ts'
import { findMetric } from '../../ml/metrics/index.ts'
import { findCandidates, type PlanDefaults, type PlannedCandidate } from './candidates.ts'

/** Of the service: what it does where nothing is said, and what it allows. */
export interface PlanSettings extends PlanDefaults {
  readonly trainingTimeoutMs: number
}

export type TrainableType = 'classification' | 'regression'

/** What was asked for, with every default filled in; kept with the job. */
export interface TrainingPlan {
  readonly modelType: TrainableType
  readonly target: string
  readonly features: readonly string[]
  readonly weightColumn?: string
  /** Null while several candidates are to be compared. */
  readonly algorithm: AlgorithmName | null
  /** Of the one algorithm, defaults filled in; else as they were given. */
  readonly hyperparameters: Record<string, unknown>
  /** What may be chosen from, the simplest first; at least one. */
  readonly candidates: readonly PlannedCandidate[]
  readonly tuning: PlannedTuning | null
  readonly evaluation: Evaluation
  readonly promotion: PlannedPromotion | null
}

export interface PlannedPromotion {
  readonly environment: string
  readonly metric: string | null
  readonly min_improvement: number
  readonly require_significance?: number
}

export interface PlannedTuning {
  readonly trials: number
  readonly time_budget_seconds: number
  /** Hyperparameters that were given, and are not searched. */
  readonly fixed: readonly string[]
}

/** @throws `invalid` with every broken rule at once. */
export function planTraining(request: TrainRequest, contract: DataContract, settings: PlanSettings): TrainingPlan {
  const modelType = trainable(request.model_type)
  const errors: FieldError[] = []
  const target = request.target ?? contract.target
  const columns = new Map(contract.columns.map((column) => [column.name, column]))
  if (target === undefined) {
    errors.push({ field: 'target', message: 'is required: the dataset has no target of its own' })
  } else if (!columns.has(target)) {
    errors.push({ field: 'target', message: `is not a column of the dataset (${listed(columns)})`, value: target })
  }
  const weights = request.weight_column
  const noFeatures = [target, request.evaluation?.group_column, weights]
  const others = contract.columns.map((c) => c.name).filter((name) => !noFeatures.includes(name))
  const features = request.features ?? others
  errors.push(...featureErrors(features, columns, target))
  errors.push(...weightErrors(weights, columns, target))
  errors.push(...metricErrors(request, modelType))
  const evaluation = fillEvaluation(request.evaluation)
  errors.push(...splitErrors(evaluation, columns, target))
  const { candidates, errors: refused } = findCandidates(request, modelType, settings)
  errors.push(...refused)
  errors.push(...tuningErrors(request, settings))
  if (errors.length > 0) throw invalid('training request', errors)
  return {
    modelType,
    target: target!,
    features,
    ...(weights !== undefined && { weightColumn: weights }),
    ...settled(candidates, request.hyperparameters ?? {}),
    candidates,
    tuning: planTuning(request, settings),
    evaluation,
    promotion: planPromotion(request.promotion, evaluation),
  }
}

function trainable(type: ModelType): TrainableType {
  if (type === 'classification' || type === 'regression') return type
  throw invalid('training request', [
    {
      field: 'model_type',
      message: 'must be "classification" or "regression" to be trained from a table',
      value: type,
    },
  ])
}

/** The answers in a model file; a graph cannot have an input of the same name. */
const MODEL_OUTPUTS: readonly string[] = ['label', 'probabilities', 'prediction']

function featureErrors(
  features: readonly string[],
  columns: ReadonlyMap<string, ContractColumn>,
  target: string | undefined,
): FieldError[] {
  if (features.length === 0) return [{ field: 'features', message: 'there is no column to learn from' }]
  const seen = new Set<string>()
  return features.flatMap((name, index) => {
    const field = `features.${index}`
    if (!columns.has(name))
      return [{ field, message: `is not a column of the dataset (${listed(columns)})`, value: name }]
    if (name === target) return [{ field, message: 'is the target', value: name }]
    if (MODEL_OUTPUTS.includes(name)) {
      return [{ field, message: 'has the name of an answer of the model: rename it, or leave it out', value: name }]
    }
    if (seen.has(name)) return [{ field, message: 'is named twice', value: name }]
    seen.add(name)
    return []
  })
}

function weightErrors(
  name: string | undefined,
  columns: ReadonlyMap<string, ContractColumn>,
  target: string | undefined,
): FieldError[] {
  if (name === undefined) return []
  const dtype = columns.get(name)?.dtype
  const problem =
    dtype === undefined
      ? `is not a column of the dataset (${listed(columns)})`
      : name === target
        ? 'is the target'
        : dtype !== 'number' && dtype !== 'integer'
          ? `is ${dtype}: weights are numbers`
          : undefined
  return problem === undefined ? [] : [{ field: 'weight_column', message: problem, value: name }]
}

function listed(columns: ReadonlyMap<string, ContractColumn>): string {
  const names = [...columns.keys()]
  return names.length > 12 ? `${names.slice(0, 12).join(', ')}, …` : names.join(', ')
}

function metricErrors(request: TrainRequest, modelType: TrainableType): FieldError[] {
  const promotion = request.promotion || undefined
  const named = [
    ['evaluation.metric', request.evaluation?.metric],
    ['promotion.metric', promotion?.metric],
  ] as const
  return named.flatMap(([field, metric]) => {
    if (metric === undefined) return []
    const known = findMetric(metric)
    if (!known) return [{ field, message: 'is not a known metric', value: metric }]
    if (known.task !== modelType) return [{ field, message: `is a metric of ${known.task}`, value: metric }]
    return []
  })
}

function splitErrors(
  { time_column: time, group_column: group }: Evaluation,
  columns: ReadonlyMap<string, ContractColumn>,
  target: string | undefined,
): FieldError[] {
  const errors: FieldError[] = []
  const message = 'is not a column of the dataset'
  if (time !== undefined && !columns.has(time)) errors.push({ field: 'evaluation.time_column', message, value: time })
  if (group === undefined) return errors
  const field = 'evaluation.group_column'
  if (!columns.has(group)) errors.push({ field, message, value: group })
  else if (group === target) errors.push({ field, message: 'is the target', value: group })
  if (time !== undefined) errors.push({ field, message: 'cannot be combined with time_column: name one of them' })
  return errors
}

const fill = compileCheck(Evaluation)

function fillEvaluation(given: TrainRequest['evaluation']): Evaluation {
  const evaluation = { ...given }
  fill(evaluation)
  return evaluation as Evaluation
}

function settled(
  candidates: readonly PlannedCandidate[],
  given: Record<string, unknown>,
): Pick<TrainingPlan, 'algorithm' | 'hyperparameters'> {
  const [first, second] = candidates
  return second ? { algorithm: null, hyperparameters: structuredClone(given) } : first!
}

const fillTuning = compileCheck(Tuning)

function planTuning(
  { tuning, hyperparameters = {} }: TrainRequest,
  { trainingTimeoutMs }: PlanSettings,
): PlannedTuning | null {
  if (!tuning) return null
  const filled = { ...tuning }
  fillTuning(filled)
  const { trials, time_budget_seconds } = filled as Tuning
  // Where the default is too much, half of the time is left for the final training.
  const seconds = tuning.time_budget_seconds ?? Math.min(time_budget_seconds, trainingTimeoutMs / 2000)
  return { trials, time_budget_seconds: seconds, fixed: Object.keys(hyperparameters) }
}

/** A search that outlasts its training would be stopped with it, and all that it found be lost. */
function tuningErrors({ tuning }: TrainRequest, { trainingTimeoutMs }: PlanSettings): FieldError[] {
  const seconds = tuning?.time_budget_seconds
  if (seconds === undefined || seconds * 1000 < trainingTimeoutMs) return []
  const message = `must be less than the ${trainingTimeoutMs / 1000} s that a training may take in all (TRAINING_TIMEOUT_SECONDS)`
  return [{ field: 'tuning.time_budget_seconds', message, value: seconds }]
}

function planPromotion(given: TrainRequest['promotion'], evaluation: Evaluation): PlannedPromotion | null {
  if (given === false) return null
  const promotion: Partial<Promotion> = given ?? {}
  return {
    environment: promotion.environment ?? DEFAULT_ENVIRONMENT,
    metric: promotion.metric ?? evaluation.metric ?? null,
    min_improvement: promotion.min_improvement ?? 0,
    ...(promotion.require_significance !== undefined && { require_significance: promotion.require_significance }),
  }
}

export function gateMetricName(plan: TrainingPlan): string | undefined {
  return plan.promotion?.metric ?? plan.evaluation.metric
}
