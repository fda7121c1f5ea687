// How likely a message by each channel is opened: the population's rate as a beta distribution, and a user's on top of it.
// Which channel is used is drawn from those (Thompson sampling: Thompson 1933; Chapelle & Li 2011), so that one little is
// known of is tried as often as it may well be the best.
import type { Random } from '../../core/random.ts'

/** One number a channel, in the order of `CHANNELS`. */
export interface ChannelCounts {
  readonly opens: readonly number[]
  readonly sends: readonly number[]
}

/** Parameters of the beta distributions: opens and others, of the population or of a user. */
export interface ChannelRates {
  readonly alpha: readonly number[]
  readonly beta: readonly number[]
}

export function ratesOf(prior: ChannelRates, { opens, sends }: ChannelCounts): ChannelRates {
  return {
    alpha: prior.alpha.map((alpha, i) => alpha + opens[i]!),
    beta: prior.beta.map((beta, i) => beta + sends[i]! - opens[i]!),
  }
}

/** The channel whose drawn rate is highest among those allowed. */
export function drawChannel({ alpha, beta }: ChannelRates, allowed: readonly number[], random: Random): number {
  let best = allowed[0]!
  let highest = -1
  for (const channel of alpha.keys()) {
    // Drawn for those not allowed too, so that muting one changes nothing for the others.
    const rate = drawBeta(random, alpha[channel]!, beta[channel]!)
    if (!allowed.includes(channel) || rate <= highest) continue
    best = channel
    highest = rate
  }
  return best
}

export function drawBeta(random: Random, alpha: number, beta: number): number {
  const a = drawGamma(random, alpha)
  const b = drawGamma(random, beta)
  return a + b === 0 ? 0.5 : a / (a + b)
}

/** Marsaglia & Tsang (2000), "A simple method for generating gamma variables". */
function drawGamma(random: Random, shape: number): number {
  if (shape < 1) return drawGamma(random, shape + 1) * (1 - random.next()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = random.normal()
    const v = (1 + c * x) ** 3
    if (v > 0 && Math.log(1 - random.next()) < (x * x) / 2 + d - d * v + d * Math.log(v)) return d * v
  }
}

const STRENGTHS = [1, 2, 5, 10, 20, 50, 100]

/** The population by channel: its mean open rate, with the strength under which the users' counts are likeliest. */
export function fitRates(users: readonly ChannelCounts[], prior: ChannelRates): ChannelRates {
  const fitted = prior.alpha.map((priorAlpha, channel) => {
    const priorBeta = prior.beta[channel]!
    const counts = users.map(({ opens, sends }) => [opens[channel]!, sends[channel]!] as const).filter(([, n]) => n > 0)
    const opens = counts.reduce((sum, [k]) => sum + k, priorAlpha)
    const sends = counts.reduce((sum, [, n]) => sum + n, priorAlpha + priorBeta)
    const rate = opens / sends
    if (counts.length === 0) return [priorAlpha, priorBeta] as const
    const likelihood = (s: number) => counts.reduce((sum, [k, n]) => sum + logBetaBinomial(k, n, rate * s, s), 0)
    const strength = STRENGTHS.reduce((best, s) => (likelihood(s) > likelihood(best) ? s : best))
    return [rate * strength, (1 - rate) * strength] as const
  })
  return { alpha: fitted.map(([alpha]) => alpha), beta: fitted.map(([, beta]) => beta) }
}

/** Without the binomial coefficient; as products, since counts are small. */
function logBetaBinomial(opens: number, sends: number, alpha: number, strength: number): number {
  let sum = 0
  for (let i = 0; i < opens; i++) sum += Math.log(alpha + i)
  for (let i = 0; i < sends - opens; i++) sum += Math.log(strength - alpha + i)
  for (let i = 0; i < sends; i++) sum -= Math.log(strength + i)
  return sum
}
