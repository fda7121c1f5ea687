// Scoring a pair: features of both in one round trip → pair features → the live model with its explanation, or the prior.
import type { MatchRequest, MatchScore } from '../../contract/match.ts'
import { DEFAULT_ENVIRONMENT } from '../../contract/models.ts'
import type { Prediction } from '../../contract/predictions.ts'
import { asFailure } from '../../core/failure.ts'
import { predict, type ServingCtx } from '../../domain/serving/index.ts'
import { complain, knownOf } from '../known.ts'
import { confidenceOf, unknownShare } from './confidence.ts'
import { clip, factorsOf, type Judgement } from './factors.ts'
import { NO_JOURNEY, readJourney } from './journey.ts'
import { learnedBy } from './learned.ts'
import { NO_OPINIONS, opinionFeatures, opinionsOf } from './opinions.ts'
import { type Pair, pairOf } from './pair.ts'
import { personOf } from './person.ts'
import { drawnToPopulation } from './population.ts'
import { judgeByPrior } from './prior.ts'

export const MATCH_MODEL = 'travel_match'

/**
 * The same user twice is no pair: nothing that is known of them says anything about it, so the answer is the population's.
 * @throws `invalid` naming `context.dates` for dates that cannot be.
 */
export async function scoreMatch(ctx: ServingCtx, input: MatchRequest): Promise<MatchScore> {
  const started = ctx.clock.elapsedMs()
  const { user_a_id: a, user_b_id: b, context } = input
  readJourney(context)
  const pair = a === b ? NO_PAIR : await pairIn(ctx, input)
  const { judgement, confidence } = (await judgeByModel(ctx, pair)) ?? byPrior(ctx, pair)
  return {
    score: clip(judgement.chance),
    confidence,
    factors: factorsOf(judgement),
    latency_ms: Math.round((ctx.clock.elapsedMs() - started) * 1000) / 1000,
  }
}

const NO_PAIR = pairOf(personOf({}), personOf({}), NO_JOURNEY)

async function pairIn(ctx: ServingCtx, { user_a_id: a, user_b_id: b, context }: MatchRequest): Promise<Pair> {
  const place = context?.destination
  const [users, [destination], said] = await Promise.all([
    knownOf(ctx, 'user', [a, b]),
    place === undefined ? [] : knownOf(ctx, 'destination', [place]),
    asksForOpinions(ctx) ? opinionsOf(ctx, [a, b]) : undefined,
  ])
  const [first, second] = users.map(personOf)
  return {
    ...pairOf(first!, second!, readJourney(context, destination)),
    ...(said && opinionFeatures(said[0]!, said[1]!)),
  }
}

/** Whether the live model looks at what others say of the two. */
function asksForOpinions({ serving, caller }: ServingCtx): boolean {
  const live = serving.live.find(caller.tenantId, MATCH_MODEL, DEFAULT_ENVIRONMENT)
  return live?.record.signature.inputs.some(({ name }) => name in NOTHING_SAID) ?? false
}

const NOTHING_SAID = opinionFeatures(NO_OPINIONS, NO_OPINIONS)

interface Judged {
  readonly judgement: Judgement
  readonly confidence: number
}

/** Counted like a model: it answers in the place of one. */
function byPrior(ctx: ServingCtx, pair: Pair): Judged {
  const started = ctx.clock.elapsedMs()
  const labels = { tenant: ctx.metrics.tenantLabel(ctx.caller.tenantId), model: MATCH_MODEL, version: 'prior' }
  const judgement = judgeByPrior(pair)
  ctx.metrics.inferenceRequests.of(labels).inc()
  ctx.metrics.inferenceDuration.of(labels).observe((ctx.clock.elapsedMs() - started) / 1000)
  return { judgement, confidence: confidenceOf(pair) }
}

/** Undefined where there is no live model, or it has no answer for pairs. */
async function judgeByModel(ctx: ServingCtx, pair: Pair): Promise<Judged | undefined> {
  const live = ctx.serving.live.find(ctx.caller.tenantId, MATCH_MODEL, DEFAULT_ENVIRONMENT)
  if (!live) return undefined
  try {
    const { record } = live
    const { inputs } = record.signature
    const ask = async (pair: Pair, version?: string) => {
      const row = Object.fromEntries(inputs.map(({ name }) => [name, pair[name] ?? null]))
      const named = { model_id: MATCH_MODEL, ...(version !== undefined && { version }) }
      return judgementOf(await predict(ctx, { ...named, input_data: row, explain: true }))
    }
    const [judgement, { examples, population }] = await Promise.all([
      ask(pair),
      learnedBy(ctx, record, { isYes, nobody: () => ask({}, record.version).catch(refusalOnly) }),
    ])
    if (!judgement) return undefined
    const confidence = confidenceOf(pair, { inputs, examples })
    if (!population) return { judgement, confidence }
    return { judgement: drawnToPopulation(judgement, unknownShare(pair, inputs), population), confidence }
  } catch (error) {
    complain(ctx, error, `the model ${MATCH_MODEL} cannot be asked; answered by the prior`)
    return undefined
  }
}

/** A model that takes no pair of which nothing is known. */
function refusalOnly(error: unknown): undefined {
  if (asFailure(error).kind !== 'invalid') throw error
}

const YES = ['1', 'true', 'yes', 'match']
const isYes = (name: string) => YES.includes(name.toLowerCase())

/** Undefined for what says no chance: a label without probabilities. */
function judgementOf({ prediction, probabilities, explanation }: Prediction): Judgement | undefined {
  if (!explanation) return undefined
  const space = explanation.space === 'log_odds' ? 'log_odds' : 'probability'
  const contributions = new Map(explanation.contributions.map(({ column, contribution }) => [column, contribution]))
  if (!probabilities) {
    return typeof prediction === 'number' ? { chance: clip(prediction), space, contributions } : undefined
  }
  const classes = Object.keys(probabilities)
  const yes = classes.find(isYes) ?? classes.at(-1)!
  // What is explained is the class that was predicted; against two classes the other has the opposite contributions.
  const turned = explanation.output === yes ? 1 : -1
  return {
    chance: probabilities[yes]!,
    space,
    contributions: new Map([...contributions].map(([column, value]) => [column, turned * value])),
  }
}
