// The rules by which a canary is rolled back or found well. Every limit is judged by a test that may be looked at every
// second: at 1 %, a version that keeps its limits is rolled back in less than one roll-out in a hundred for each of them.
import type { RolloutLimits } from '../../contract/strategy.ts'
import { meansDiffer, quantile, quantileBounds, shareAbove, sharesDiffer } from '../../ml/statistics/index.ts'
import { DEFAULT_LIMITS } from '../models/index.ts'
import type { ArmFigures, ArmQuality } from './figures.ts'
import { milliseconds, percent, short } from './words.ts'

const ALPHA = 0.01
/** A difference nobody feels, whatever the ratio. */
const LEAST_LATENCY_MS = 1

export interface Arms {
  readonly champion: ArmFigures
  readonly challenger: ArmFigures
}

type Limits = RolloutLimits & typeof DEFAULT_LIMITS

/** The limit that is broken, in words; undefined while there is none. */
export function findBreach(arms: Arms, given: RolloutLimits | undefined): string | undefined {
  const limits = { ...DEFAULT_LIMITS, ...given } as Limits
  return tooManyErrors(arms, limits) ?? tooSlow(arms, limits) ?? notGoodEnough(arms, limits) ?? worse(arms, limits)
}

/** What the champion fails too is not the challenger's failure. */
function tooManyErrors({ champion, challenger }: Arms, limits: Limits): string | undefined {
  if (challenger.requests < limits.min_requests) return undefined
  const usual = champion.requests < limits.min_requests ? 0 : champion.errors / champion.requests
  const share = { hits: challenger.errors, of: challenger.requests }
  if (shareAbove(share, Math.max(limits.max_error_rate, usual)) >= ALPHA) return undefined
  const found = `${percent(share.hits / share.of)} of ${share.of} requests failed`
  const besides = champion.requests === 0 ? '' : `; beside it ${percent(champion.errors / champion.requests)}`
  return `${found}, more than ${percent(limits.max_error_rate)}${besides}`
}

function tooSlow({ champion, challenger }: Arms, limits: Limits): string | undefined {
  const enough = Math.min(champion.requests, challenger.requests) >= limits.min_requests
  if (!enough) return undefined
  for (const [q, name] of [
    [0.5, 'median'],
    [0.95, '95th percentile'],
  ] as const) {
    // Half of the risk to each of the two quantiles, and half of that to each of the two arms.
    const [low] = quantileBounds(challenger.latency, q, ALPHA / 4)
    const [, high] = quantileBounds(champion.latency, q, ALPHA / 4)
    if (low <= limits.max_latency_ratio * high || low - high <= LEAST_LATENCY_MS) continue
    const [slow, usual] = [quantile(challenger.latency, q)!, quantile(champion.latency, q)!]
    const than = `more than ${limits.max_latency_ratio} times ${milliseconds(usual)}`
    return `the ${name} of its latency is ${milliseconds(slow)}, ${than}`
  }
  return undefined
}

function notGoodEnough({ challenger: { quality } }: Arms, limits: Limits): string | undefined {
  if (limits.min_quality === undefined || quality?.metric !== 'accuracy') return undefined
  if (quality.of < limits.min_requests) return undefined
  const wrong = { hits: quality.of - quality.hits, of: quality.of }
  if (shareAbove(wrong, 1 - limits.min_quality) >= ALPHA) return undefined
  const right = percent(quality.hits / quality.of)
  return `${right} of ${quality.of} predictions were right, less than ${percent(limits.min_quality)}`
}

function worse({ champion, challenger }: Arms, limits: Limits): string | undefined {
  const [usual, found] = [champion.quality, challenger.quality]
  if (!usual || !found || Math.min(outcomes(usual), outcomes(found)) < limits.min_requests) return undefined
  const drop = limits.max_quality_drop
  const allowed = drop === 0 ? '' : `, by more than ${percent(drop)}`
  if (usual.metric === 'accuracy' && found.metric === 'accuracy') {
    const difference = found.hits / found.of - usual.hits / usual.of
    if (difference >= -drop || sharesDiffer(usual, found, -drop) >= ALPHA) return undefined
    const right = `${percent(found.hits / found.of)} of ${found.of} predictions were right`
    return `${right}, fewer than ${percent(usual.hits / usual.of)} of ${usual.of}${allowed}`
  }
  if (usual.metric !== 'mean_absolute_error' || found.metric !== 'mean_absolute_error') return undefined
  const factor = 1 + drop
  const scaled = { count: usual.count, mean: usual.mean * factor, variance: usual.variance * factor ** 2 }
  if (found.mean <= scaled.mean || meansDiffer(scaled, found) >= ALPHA) return undefined
  const off = `its predictions are off by ${short(found.mean)} on average`
  return `${off}, more than ${short(usual.mean)}${allowed}`
}

function outcomes(quality: ArmQuality): number {
  return quality.metric === 'accuracy' ? quality.of : quality.count
}

export interface Baking {
  readonly readyAt: Date
  readonly stageAt: Date
  readonly bakeSeconds: number
  readonly minRequests: number
}

/** Long enough, and asked often enough: a canary that nobody called has proved nothing. */
export function isBaked(baking: Baking, requests: number, now: Date): boolean {
  const since = Math.max(baking.readyAt.getTime(), baking.stageAt.getTime())
  return requests >= baking.minRequests && now.getTime() - since >= baking.bakeSeconds * 1000
}
