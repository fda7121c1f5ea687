// The hyperparameters that the linear algorithms share, and the filling in of defaults.
import { type Static, type TObject, Type } from 'typebox'
import { compileCheck } from '../../core/check.ts'
import { invalid } from '../../core/failure.ts'

export const L2 = Type.Number({
  minimum: 0,
  maximum: 1e12,
  default: 1,
  description: 'Strength of the squared penalty on the weights: 1/C of scikit-learn, alpha of its Ridge.',
})

export const L1 = Type.Number({
  minimum: 0,
  maximum: 1e12,
  default: 0,
  description: 'Strength of the absolute penalty, which sets useless weights to zero; per summed loss, as l2 is.',
})

export const MaxIterations = Type.Integer({
  minimum: 1,
  maximum: 100_000,
  default: 300,
  description:
    'Iterations after which to stop even if the tolerance is not reached. Logistic regression of thousands of classes stops sooner, and says so.',
})

export const Tolerance = (standard: number) =>
  Type.Number({
    exclusiveMinimum: 0,
    maximum: 1,
    default: standard,
    description: 'How close to the minimum to stop: smaller is more exact and slower.',
  })

export const Intercept = Type.Boolean({
  default: true,
  description: 'Learn a constant beside the weights; it is not penalised.',
})

/** The given hyperparameters with defaults for the others. Throws `invalid` naming every one that breaks the schema. */
export function fillSettings<T extends TObject>(schema: T, given: Readonly<Record<string, unknown>>): Static<T> {
  const settings = { ...given }
  const errors = compileCheck(schema, { at: 'hyperparameters' })(settings)
  if (errors.length > 0) throw invalid('hyperparameters', errors)
  return settings as Static<T>
}

export function stoppedEarly(maxIterations: number): string {
  return `The training stopped after ${maxIterations} iterations, before it converged: raise max_iterations or tolerance, or scale the features`
}
