// Recommending: the user's features in one round trip → the live model's graph → variety, reasons. Without a live model, or when
// it cannot be asked, the prior answers.
import { DEFAULT_ENVIRONMENT } from '../../contract/models.ts'
import type { Recommendations, RecommendRequest } from '../../contract/recommend.ts'
import type { Tensors } from '../../core/tensors.ts'
import { inferTensors, type ServingCtx } from '../../domain/serving/index.ts'
import { NEVER } from '../../ml/recommend/graph.ts'
import { knownOf } from '../known.ts'
import { type Candidate, chooseDiverse } from './diversity.ts'
import { recommendByPrior } from './prior.ts'
import { questionOf, RECOMMEND_MODEL } from './question.ts'
import { type Parts, reasonOf } from './reason.ts'
import { type Filters, filterNumber, wordsOfUser } from './words.ts'

const LIMIT = 10
/** So many times the limit is asked for, to have something to choose variety from. */
const CHOICE = 3

export interface Wish {
  readonly userId: string
  readonly words: readonly string[]
  readonly filters: Filters
  readonly limit: number
}

export async function recommendDestinations(ctx: ServingCtx, input: RecommendRequest): Promise<Recommendations> {
  const [known] = await knownOf(ctx, 'user', [input.user_id])
  const { filters = {}, limit = LIMIT } = input
  const wish: Wish = { userId: input.user_id, words: wordsOfUser(known!), filters, limit }
  return (await byModel(ctx, wish)) ?? recommendByPrior(ctx, wish)
}

/** Undefined where there is no live model, or it cannot be asked. */
async function byModel(ctx: ServingCtx, { userId, words, filters, limit }: Wish): Promise<Recommendations | undefined> {
  if (!ctx.serving.live.find(ctx.caller.tenantId, RECOMMEND_MODEL, DEFAULT_ENVIRONMENT)) return undefined
  try {
    const inputs = questionOf({ user: userId, words, filter: filterNumber(filters), limit: CHOICE * limit })
    const { outputs } = await inferTensors(ctx, { model: RECOMMEND_MODEL, inputs })
    const chosen = chooseDiverse(shownOf(outputs, words), limit)
    const trust = (outputs.trust!.data as Float32Array)[0]!
    return {
      recommendations: chosen.map(({ destination, destination_id, score, reason }) => {
        return { destination, destination_id, score: Math.round(score * 10_000) / 10_000, reason: reason() }
      }),
      confidence: confidenceOf(trust, words.length),
    }
  } catch (error) {
    ctx.log.warn({ err: error, model: RECOMMEND_MODEL }, 'the model cannot be asked; answered by the prior')
    return undefined
  }
}

/** Behaviour counts most; words alone are a guess; an answer for everybody is hardly one for this user. */
function confidenceOf(trust: number, words: number): number {
  const said = words > 0 ? 0.3 : 0.1
  return Math.round((said + (0.95 - said) * trust) * 1000) / 1000
}

interface Shown extends Candidate {
  readonly destination: string
  readonly destination_id: string
  readonly reason: () => string
}

function shownOf(outputs: Tensors, words: readonly string[]): Shown[] {
  const numbers = (name: string) => outputs[name]!.data as Float32Array
  const texts = (name: string) => outputs[name]!.data as readonly string[]
  const [items, titles, because] = [texts('item'), texts('title'), texts('because')]
  const [raw, scores, byWord] = [numbers('raw'), numbers('score'), numbers('by_word')]
  const [personal, popular, neighbours] = [numbers('personal'), numbers('popular'), numbers('neighbours')]
  const tags = outputs.tags!.data as Int32Array
  const count = items.length
  const width = tags.length / Math.max(1, count)
  const partsOf = (rank: number): Parts => ({
    popular: popular[rank]!,
    behaviour: personal[rank]! + neighbours[rank]!,
    because: because[rank]!,
    words: words.map((word, at) => [word, byWord[at * count + rank]!] as const),
  })
  return items.flatMap((destination_id, rank): Shown[] => {
    if (!(raw[rank]! > NEVER / 10)) return []
    const own = tags.subarray(rank * width, (rank + 1) * width).filter((tag) => tag >= 0)
    return [
      {
        destination: titles[rank]!,
        destination_id,
        score: scores[rank]!,
        reason: () => reasonOf(partsOf(rank)),
        tags: new Set(own),
      },
    ]
  })
}
