// What the live version learned from, remembered in this process: a version never changes what it learned from.
import { asFailure } from '../../core/failure.ts'
import type { Ctx } from '../../domain/ctx.ts'
import { getEvaluation } from '../../domain/models/index.ts'
import type { Population } from './population.ts'

export interface Learned {
  /** Pairs. */
  readonly examples: number
  /** Undefined for a version that does not say how many pairs went well, or has no answer for a pair of which nothing is known. */
  readonly population: Population | undefined
}

export interface Version {
  readonly modelId: string
  readonly version: string
}

/** Of all tenants; then all are read anew. */
const MOST_REMEMBERED = 10_000
const remembered = new Map<string, Learned>()
/** For a version that was imported, which does not say. */
const UNSAID = 100

/** @param nobody asks the version about a pair of which nothing is known. */
export async function learnedBy(
  ctx: Ctx,
  { modelId, version }: Version,
  {
    isYes,
    nobody,
  }: { readonly isYes: (name: string) => boolean; readonly nobody: () => Promise<Population['empty'] | undefined> },
): Promise<Learned> {
  const key = JSON.stringify([ctx.caller.tenantId, modelId, version])
  const known = remembered.get(key)
  if (known !== undefined) return known
  const { examples, share } = await measured(ctx, { modelId, version }, isYes)
  const empty = share === undefined ? undefined : await nobody()
  const learned = { examples, population: share === undefined || !empty ? undefined : { share, empty } }
  if (remembered.size >= MOST_REMEMBERED) remembered.clear()
  remembered.set(key, learned)
  return learned
}

async function measured(ctx: Ctx, { modelId, version }: Version, isYes: (name: string) => boolean) {
  try {
    const { split, classification } = await getEvaluation(ctx, { model_id: modelId, version })
    return { examples: split.train_rows, share: shareOf(classification?.per_class ?? [], isYes) }
  } catch (error) {
    if (asFailure(error).kind === 'not_found') return { examples: UNSAID, share: undefined }
    throw error
  }
}

type Counted = { readonly class: string; readonly support: number }

/** Of the held-out pairs, those that went well; half a pair of each kind more, so that it is never all or none. */
function shareOf(classes: readonly Counted[], isYes: (name: string) => boolean): number | undefined {
  const all = classes.reduce((sum, { support }) => sum + support, 0)
  const yes = classes.find((one) => isYes(one.class))
  return yes && (yes.support + 0.5) / (all + 1)
}
