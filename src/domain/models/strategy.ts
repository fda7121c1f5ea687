// Rules of a roll-out's strategy: what is filled in, and which pairs of versions may share traffic.
import type { SignatureInput } from '../../contract/models.ts'
import type { RolloutLimits, RolloutType, Strategy } from '../../contract/strategy.ts'
import { type FieldError, fail, invalid } from '../../core/failure.ts'
import type { Row } from '../../ports/db/index.ts'
import type { TrainedVersion } from './store.ts'

export interface CompleteStrategy extends Strategy {
  type: RolloutType
  percent: number
}

export const DEFAULT_LIMITS = {
  max_error_rate: 0.05,
  max_latency_ratio: 2,
  max_quality_drop: 0,
  min_requests: 20,
} as const satisfies RolloutLimits

const DEFAULT_CANARY = { percent: 10, bake_seconds: 600, auto_promote: false }
const DEFAULT_SHADOW = { percent: 100 }

/** Fields that are not given keep the value they had in the stage before, else get their default. */
export function completeStrategy(
  given: Strategy & { readonly type: RolloutType },
  before?: Strategy,
): CompleteStrategy {
  const same = before?.type === given.type ? before : before?.sticky_by ? { sticky_by: before.sticky_by } : {}
  if (given.type === 'shadow') {
    const errors = (['bake_seconds', 'limits', 'auto_promote'] as const)
      .filter((name) => given[name] !== undefined)
      .map((name): FieldError => ({ field: `strategy.${name}`, message: 'is for a canary; a shadow answers nobody' }))
    if (errors.length > 0) throw invalid('request', errors)
    return { ...DEFAULT_SHADOW, ...same, ...given }
  }
  const limits = { ...DEFAULT_LIMITS, ...(before?.type === 'canary' && before.limits), ...given.limits }
  return { ...DEFAULT_CANARY, ...same, ...given, limits }
}

/** @throws `invalid` for what only a share of the traffic has: who asks for ten percent must not get all of it. */
export function refuseShare({ percent, type: _, ...others }: Strategy): void {
  const message = 'is for a canary or a shadow; with all the version answers every request'
  const errors = Object.entries(others).map(
    ([name, value]): FieldError => ({ field: `strategy.${name}`, message, value }),
  )
  if (percent !== undefined && percent !== 100) errors.push({ field: 'strategy.percent', message, value: percent })
  if (errors.length > 0) throw invalid('request', errors)
}

export interface Pair {
  readonly champion: TrainedVersion
  readonly challenger: TrainedVersion
  readonly strategy: CompleteStrategy
}

/** @throws `invalid` for a strategy that the model cannot follow, `conflict` SIGNATURES_DIFFER. */
export function refuseMisfit(model: Row<'models'>, { champion, challenger, strategy }: Pair): void {
  const errors: FieldError[] = []
  const { sticky_by, limits } = strategy
  const names = champion.signature.inputs.map(({ name }) => name)
  if (sticky_by !== undefined && !names.includes(sticky_by)) {
    const message = `is no input of version ${champion.version}; leave it out and send the header X-Sticky-Key`
    errors.push({ field: 'strategy.sticky_by', message, value: sticky_by })
  }
  if (limits?.min_quality !== undefined && model.type !== 'classification') {
    const message = 'is a share of right answers, for classification; use max_quality_drop'
    errors.push({ field: 'strategy.limits.min_quality', message, value: limits.min_quality })
  }
  if (errors.length > 0) throw invalid('request', errors)
  const problems = misfits(champion.signature.inputs, challenger.signature.inputs)
  if (problems.length === 0) return
  throw fail(
    'conflict',
    'SIGNATURES_DIFFER',
    `${challenger.version} does not take the requests of ${champion.version}: ${problems.join('; ')}. Deploy it to all`,
    { details: { problems } },
  )
}

const KIND: Readonly<Record<SignatureInput['dtype'], string>> = {
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  string: 'text',
  text: 'text',
  datetime: 'datetime',
}

/** Whether what a column may be missing differs is left to the error rate: it follows from the data of each training. */
function misfits(champion: readonly SignatureInput[], challenger: readonly SignatureInput[]): string[] {
  const theirs = new Map(challenger.map((input) => [input.name, input]))
  const ours = new Set(champion.map(({ name }) => name))
  const problems = champion.flatMap(({ name, dtype }) => {
    const other = theirs.get(name)
    if (!other) return [`it has no column "${name}"`]
    return KIND[other.dtype] === KIND[dtype] ? [] : [`"${name}" is ${other.dtype} instead of ${dtype}`]
  })
  const required = challenger.filter(({ name, nullable }) => !nullable && !ours.has(name))
  problems.push(...required.map(({ name }) => `it requires "${name}"`))
  // Rows may be given as values in order: the same columns in another order would be misread.
  const reordered =
    champion.length === challenger.length && champion.some(({ name }, i) => name !== challenger[i]!.name)
  if (problems.length === 0 && reordered) problems.push('its columns are in another order')
  return problems
}
