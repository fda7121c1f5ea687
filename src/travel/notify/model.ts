// A user's activity and open rates: by the live model, or by the prior where there is none or it cannot be asked.
import { DEFAULT_ENVIRONMENT } from '../../contract/models.ts'
import { inferTensors, type ServingCtx } from '../../domain/serving/index.ts'
import { type ChannelRates, ratesOf } from './channels.ts'
import { feedsOf, type UserInput } from './feeds.ts'
import { PRIOR_CHANNELS, PRIOR_RHYTHM } from './prior.ts'
import { activityOf, HOURS, spreadOf } from './rhythm.ts'

export const NOTIFY_MODEL = 'travel_notify'

export interface Expected {
  /** By hour of the week. */
  readonly activity: ArrayLike<number>
  /** Share of that which is the user's own. */
  readonly own: number
  readonly rates: ChannelRates
  readonly trained: boolean
  /** Whether what holds in general is that of the user's segment. */
  readonly inSegment: boolean
}

export async function expect(ctx: ServingCtx, user: UserInput): Promise<Expected> {
  return (await byModel(ctx, user)) ?? byPrior(ctx, user)
}

async function byModel(ctx: ServingCtx, user: UserInput): Promise<Expected | undefined> {
  if (!ctx.serving.live.find(ctx.caller.tenantId, NOTIFY_MODEL, DEFAULT_ENVIRONMENT)) return undefined
  try {
    const { outputs } = await inferTensors(ctx, { model: NOTIFY_MODEL, inputs: feedsOf([user]) })
    const numbers = (name: string) => Array.from((outputs[name]?.data ?? []) as ArrayLike<number>)
    const [activity, alpha, beta] = ['activity', 'open_alpha', 'open_beta'].map(numbers)
    const [own = Number.NaN] = numbers('own')
    const usable = [...activity!, own, ...alpha!, ...beta!].every((value) => Number.isFinite(value) && value >= 0)
    const shaped = activity!.length === HOURS && alpha!.length === user.opens.length && beta!.length === alpha!.length
    if (usable && shaped) {
      // Files of before do not say.
      const [known = user.segment === '' ? 0 : 1] = numbers('in_segment')
      return { activity: activity!, own, rates: { alpha: alpha!, beta: beta! }, trained: true, inSegment: known === 1 }
    }
    ctx.log.warn({ model: NOTIFY_MODEL }, 'the model answers something else than send times; answered by the prior')
  } catch (error) {
    ctx.log.warn({ err: error, model: NOTIFY_MODEL }, 'the model cannot be asked; answered by the prior')
  }
  return undefined
}

const PRIOR_SPREAD = spreadOf(PRIOR_RHYTHM)

/** Counted like a model: it answers in the place of one. */
function byPrior(ctx: ServingCtx, user: UserInput): Expected {
  const started = ctx.clock.elapsedMs()
  const labels = { tenant: ctx.metrics.tenantLabel(ctx.caller.tenantId), model: NOTIFY_MODEL, version: 'prior' }
  const { hours, own } = activityOf(PRIOR_RHYTHM, PRIOR_SPREAD, user)
  const rates = ratesOf(PRIOR_CHANNELS, user)
  ctx.metrics.inferenceRequests.of(labels).inc()
  ctx.metrics.inferenceDuration.of(labels).observe((ctx.clock.elapsedMs() - started) / 1000)
  return { activity: hours, own, rates, trained: false, inSegment: false }
}
