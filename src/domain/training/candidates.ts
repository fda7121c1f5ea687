// The algorithms that a request leaves to choose from: the one it names, or all of its task that accept every given
// hyperparameter.
import type { TrainRequest } from '../../contract/training.ts'
import { compileCheck } from '../../core/check.ts'
import type { FieldError } from '../../core/failure.ts'
import { ALGORITHMS, type AlgorithmName } from '../../ml/learn/index.ts'

export interface PlannedCandidate {
  readonly algorithm: AlgorithmName
  /** Defaults filled in. */
  readonly hyperparameters: Record<string, unknown>
}

export interface PlanDefaults {
  /** Classes weigh the same where the request does not say otherwise and the algorithm can do it. */
  readonly balancedClassWeight: boolean
}

export interface Candidates {
  readonly candidates: readonly PlannedCandidate[]
  /** Why there are none. */
  readonly errors: readonly FieldError[]
}

type TrainableType = 'classification' | 'regression'

export function findCandidates(request: TrainRequest, modelType: TrainableType, defaults: PlanDefaults): Candidates {
  const given = request.hyperparameters ?? {}
  const metric = request.evaluation?.metric
  const alike = request.algorithm === undefined
  const consider = (name: string) => acceptAlgorithm(name, { given, metric, alike, modelType, defaults })
  if (request.algorithm !== undefined) {
    const { candidate, errors } = consider(request.algorithm)
    return { candidates: candidate ? [candidate] : [], errors }
  }
  // The table of algorithms goes from the simple to the dear, and so do the candidates.
  const names = Object.keys(ALGORITHMS).filter((name) => ALGORITHMS[name as AlgorithmName].tasks.includes(modelType))
  const considered = names.map(consider)
  const accepting = considered.flatMap(({ candidate }) => candidate ?? [])
  // A blend is made of candidates once they were compared.
  const plain = accepting.filter(({ algorithm }) => !ALGORITHMS[algorithm].composed)
  const candidates = plain.length > 0 ? plain : accepting
  if (candidates.length > 0) return { candidates, errors: [] }
  return { candidates, errors: noneAccepts(names, considered) }
}

interface Considered {
  readonly candidate?: PlannedCandidate
  readonly errors: readonly FieldError[]
}

/** One error a field, with what each algorithm has against it. */
function noneAccepts(names: readonly string[], considered: readonly Considered[]): FieldError[] {
  const found = new Map<string, { value: unknown; objections: string[] }>()
  for (const [i, { errors }] of considered.entries()) {
    for (const { field, message, value } of errors) {
      const entry = found.get(field) ?? { value, objections: [] }
      entry.objections.push(`${names[i]}: ${message}`)
      found.set(field, entry)
    }
  }
  return Array.from(found, ([field, { value, objections }]) => ({
    field,
    message: `no algorithm accepts all that was given (${objections.join('; ')})`,
    ...(value !== undefined && { value }),
  }))
}

interface Wish {
  readonly given: Record<string, unknown>
  /** By which versions will be compared. */
  readonly metric: string | undefined
  /** Several will be compared, and must answer rare classes alike. */
  readonly alike: boolean
  readonly modelType: TrainableType
  readonly defaults: PlanDefaults
}

/** Metrics that the most probable class does best at. */
const OF_THE_PROBABLE: readonly (string | undefined)[] = ['accuracy', 'recall_weighted']

function acceptAlgorithm(name: string, { given, metric, alike, modelType, defaults }: Wish): Considered {
  if (!Object.hasOwn(ALGORITHMS, name)) {
    const message = `is not a known algorithm; choose one of ${Object.keys(ALGORITHMS).join(', ')}`
    return { errors: [{ field: 'algorithm', message, value: name }] }
  }
  const algorithm = name as AlgorithmName
  if (!ALGORITHMS[algorithm].tasks.includes(modelType)) {
    return { errors: [{ field: 'algorithm', message: `does not do ${modelType}`, value: name }] }
  }
  const { hyperparameters: schema, check } = ALGORITHMS[algorithm]
  const weighable = modelType === 'classification' && Object.hasOwn(schema.properties, 'class_weight')
  const balanced = defaults.balancedClassWeight && weighable
  const labels = OF_THE_PROBABLE.includes(metric) ? 'probable' : alike ? 'balanced' : undefined
  const answered = labels !== undefined && Object.hasOwn(schema.properties, 'labels')
  const usual = { ...(balanced && { class_weight: 'balanced' }), ...(answered && { labels }) }
  const hyperparameters = { ...usual, ...structuredClone(given) }
  const own = compileCheck(schema, { at: 'hyperparameters' })(hyperparameters)
  const errors = own.length > 0 ? own : (check?.(hyperparameters, modelType) ?? [])
  return errors.length > 0 ? { errors } : { candidate: { algorithm, hyperparameters }, errors }
}
