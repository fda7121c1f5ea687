// The two versions of a roll-out side by side: figures, p-values for one look and for many, and what they mean in words.
import type { ArmComparison } from '../../contract/rollouts.ts'
import {
  countOf,
  type Histogram,
  mannWhitney,
  meansDiffer,
  quantile,
  quantileBounds,
  sharesDiffer,
  twoProportions,
  welch,
} from '../../ml/statistics/index.ts'
import type { ArmQuality } from './figures.ts'
import type { Arms } from './judge.ts'
import { milliseconds, percent, probability, round, short } from './words.ts'

const SIGNIFICANT = 0.05

export interface Versions {
  readonly champion: string
  readonly challenger: string
}

/** Only what both versions have figures for. */
export function compareArms(arms: Arms, versions: Versions): ArmComparison[] {
  const { champion, challenger } = arms
  const found: (ArmComparison | undefined)[] = [
    compareErrors(arms, versions),
    compareLatency(arms, versions),
    champion.quality && challenger.quality && compareQuality(champion.quality, challenger.quality, versions),
  ]
  return found.filter((comparison) => comparison !== undefined)
}

function compareErrors({ champion, challenger }: Arms, versions: Versions): ArmComparison | undefined {
  if (champion.requests === 0 || challenger.requests === 0) return undefined
  const [a, b] = [champion, challenger].map(({ errors, requests }) => ({ hits: errors, of: requests }))
  const [usual, found] = [a!.hits / a!.of, b!.hits / b!.of]
  return comparison({
    subject: 'errors',
    champion: usual,
    challenger: found,
    method: 'two-proportion z-test',
    p_value: twoProportions(a!, b!),
    always_valid_p: sharesDiffer(a!, b!),
    said: `${versions.challenger} fails ${percent(found)} of ${b!.of} requests, ${versions.champion} ${percent(usual)} of ${a!.of}`,
  })
}

function compareLatency({ champion, challenger }: Arms, versions: Versions): ArmComparison | undefined {
  const [usual, found] = [quantile(champion.latency, 0.5), quantile(challenger.latency, 0.5)]
  if (usual === undefined || found === undefined) return undefined
  const { p, greater } = mannWhitney(champion.latency, challenger.latency)
  const often = `it is the slower of two in ${percent(greater)} of pairs`
  return comparison({
    subject: 'latency',
    champion: round(usual, 4),
    challenger: round(found, 4),
    method: 'Mann–Whitney test',
    p_value: p,
    always_valid_p: mediansDiffer(champion.latency, challenger.latency),
    said: `the median of ${versions.challenger} is ${milliseconds(found)}, of ${versions.champion} ${milliseconds(usual)} (${often})`,
  })
}

/** The smallest risk at which the confidence sequences of the two medians are still apart. */
function mediansDiffer(a: Histogram, b: Histogram): number {
  if (countOf(a) === 0 || countOf(b) === 0) return 1
  let p = 1
  for (let alpha = 0.5; alpha >= 1e-6; alpha /= 2) {
    const [lowA, highA] = quantileBounds(a, 0.5, alpha / 2)
    const [lowB, highB] = quantileBounds(b, 0.5, alpha / 2)
    if (lowA <= highB && lowB <= highA) break
    p = alpha
  }
  return p
}

function compareQuality(usual: ArmQuality, found: ArmQuality, versions: Versions): ArmComparison | undefined {
  if (usual.metric === 'accuracy' && found.metric === 'accuracy') {
    const [a, b] = [usual.hits / usual.of, found.hits / found.of]
    return comparison({
      subject: 'quality',
      champion: a,
      challenger: b,
      method: 'two-proportion z-test',
      p_value: twoProportions(usual, found),
      always_valid_p: sharesDiffer(usual, found),
      said: `${versions.challenger} was right in ${percent(b)} of ${found.of} outcomes, ${versions.champion} in ${percent(a)} of ${usual.of}`,
    })
  }
  if (usual.metric !== 'mean_absolute_error' || found.metric !== 'mean_absolute_error') return undefined
  const over = (count: number) => `over ${count} outcomes`
  return comparison({
    subject: 'quality',
    champion: usual.mean,
    challenger: found.mean,
    method: 'Welch’s t-test',
    p_value: welch(usual, found),
    always_valid_p: meansDiffer(usual, found),
    said:
      `${versions.challenger} is off by ${short(found.mean)} on average ${over(found.count)}, ` +
      `${versions.champion} by ${short(usual.mean)} ${over(usual.count)}`,
  })
}

type Facts = Omit<ArmComparison, 'significant' | 'sentence'> & { readonly said: string }

function comparison({ said, ...facts }: Facts): ArmComparison {
  const significant = facts.always_valid_p < SIGNIFICANT
  const meaning = significant
    ? `not by chance (${probability(facts.always_valid_p)}, however often one looks)`
    : `chance may explain it (${probability(facts.always_valid_p)}, however often one looks)`
  const same = facts.champion === facts.challenger
  return { ...facts, significant, sentence: `${said}: ${same ? 'no difference' : meaning}` }
}
