// What is answered while no model is live: a formula over the destinations that are known, kept for a minute.
//
//   score = 0.2 + 0.5 × share of the user's interests and styles it offers (of at most three) + 0.2 × demand + 0.1 × budget fits
//
// Demand is the number of its recent interactions, relative to the most wanted destination. All of it can fail: then nothing
// is recommended, which is an answer as well. While the database is away the destinations of before are used on.
import type { Recommendations } from '../../contract/recommend.ts'
import { own } from '../../core/own.ts'
import { eachEntity, listInteractions, readKept } from '../../domain/features/index.ts'
import type { ServingCtx } from '../../domain/serving/index.ts'
import { complain } from '../known.ts'
import { chooseDiverse } from './diversity.ts'
import { RECOMMEND_MODEL } from './question.ts'
import { type Parts, reasonOf } from './reason.ts'
import type { Wish } from './recommend.ts'
import { EVENT_WEIGHTS, MOST_A_PAIR, RATED, titleOf } from './recorded.ts'
import { filterNumber, passesOf, sameWord, wordsOfDestination } from './words.ts'

const MOST_DESTINATIONS = 2000
const RECENT_INTERACTIONS = 5000
const FRESH_MS = 60_000
const KEPT_SECONDS = 86_400
/** Whatever its value: on what scale it is cannot be told from a few. */
const RATING_WEIGHT = 1
const WEIGHTS = { base: 0.2, words: 0.5, demand: 0.2, budget: 0.1 }
/** So many interests met are as good as all of them. */
const ENOUGH_WORDS = 3

interface Place {
  readonly id: string
  readonly title: string
  readonly words: readonly string[]
  readonly passes: number
  readonly demand: number
}

/** Counted like a model: it answers in the place of one. */
export async function recommendByPrior(ctx: ServingCtx, { words, filters, limit }: Wish): Promise<Recommendations> {
  const started = ctx.clock.elapsedMs()
  const labels = { tenant: ctx.metrics.tenantLabel(ctx.caller.tenantId), model: RECOMMEND_MODEL, version: 'prior' }
  const places = await placesOf(ctx).catch((error: unknown) => {
    complain(ctx, error, 'destinations cannot be read; nothing is recommended')
    return []
  })
  const filter = filterNumber(filters)
  const candidates = places
    .filter(({ passes }) => (passes >> filter) & 1)
    .map((place) => judged(place, words))
    .sort((a, b) => b.score - a.score || (a.place.id < b.place.id ? -1 : 1))
    .slice(0, 3 * limit)
  ctx.metrics.inferenceRequests.of(labels).inc()
  ctx.metrics.inferenceDuration.of(labels).observe((ctx.clock.elapsedMs() - started) / 1000)
  return {
    recommendations: chooseDiverse(withTags(candidates), limit).map(({ place, score, parts }) => ({
      destination: place.title,
      destination_id: place.id,
      score: Math.round(score * 10_000) / 10_000,
      reason: reasonOf(parts),
    })),
    confidence: words.length > 0 ? 0.2 : 0.1,
  }
}

interface Judged {
  readonly place: Place
  readonly score: number
  readonly parts: Parts
}

function judged(place: Place, words: readonly string[]): Judged {
  const offered = new Set(place.words)
  const met = words.filter((word) => offered.has(sameWord(word) ?? ''))
  const liked = met.filter((word) => !word.startsWith('budget:'))
  const wanted = words.filter((word) => word.startsWith('interest:') || word.startsWith('style:')).length
  const share = liked.length / Math.max(1, Math.min(ENOUGH_WORDS, wanted))
  const byWord = (WEIGHTS.words * Math.min(1, share)) / Math.max(1, liked.length)
  const parts: Parts = {
    popular: WEIGHTS.demand * place.demand,
    behaviour: 0,
    because: '',
    words: met.map((word) => [word, word.startsWith('budget:') ? WEIGHTS.budget : byWord]),
  }
  const score = WEIGHTS.base + parts.popular + parts.words.reduce((sum, [, value]) => sum + value, 0)
  return { place, score: Math.min(1, score), parts }
}

function withTags(candidates: readonly Judged[]) {
  const numbers = new Map<string, number>()
  const numberOf = (word: string) => {
    if (!numbers.has(word)) numbers.set(word, numbers.size)
    return numbers.get(word)!
  }
  return candidates.map((candidate) => ({ ...candidate, tags: new Set(candidate.place.words.map(numberOf)) }))
}

/** When a model falls behind, many ask at once; one reads for all of them. */
const flights = new Map<string, Promise<readonly Place[]>>()

const STAYING = new AbortController().signal

interface Kept {
  readonly readAtMs: number
  readonly places: readonly Place[]
}

async function placesOf(ctx: ServingCtx): Promise<readonly Place[]> {
  const key = `travel:destinations:${ctx.caller.tenantId}`
  const [bytes] = await ctx.cache.getMany([key])
  const kept = bytes && readPlacesKept(bytes)
  if (kept && ctx.clock.now().getTime() - kept.readAtMs < FRESH_MS) return kept.places
  // Whoever asked first may leave; the others are answered.
  const flight = flights.get(key) ?? readPlaces({ ...ctx, signal: STAYING }, key).finally(() => flights.delete(key))
  flights.set(key, flight)
  try {
    return await flight
  } catch (error) {
    if (!kept) throw error
    complain(ctx, error, 'destinations cannot be read; those of before are recommended')
    return kept.places
  }
}

/** Undefined for what is no such copy: whoever else writes to the cache must not leave users without an answer. */
function readPlacesKept(bytes: Uint8Array): Kept | undefined {
  const kept = readKept<Partial<Kept> | null>(Buffer.from(bytes).toString('utf8'))
  return Array.isArray(kept?.places) && typeof kept.readAtMs === 'number' ? (kept as Kept) : undefined
}

async function readPlaces(ctx: ServingCtx, key: string): Promise<readonly Place[]> {
  const demand = await demandOf(ctx)
  const most = Math.max(1, ...demand.values())
  const places: Place[] = []
  for await (const page of eachEntity(ctx, 'destination')) {
    for (const { entity_id: id, features } of page) {
      places.push({
        id,
        title: titleOf(id, features),
        words: wordsOfDestination(features),
        passes: passesOf(features),
        demand: (demand.get(id) ?? 0) / most,
      })
    }
    if (places.length >= MOST_DESTINATIONS) break
  }
  // As in training: where no destinations are declared, everything users dealt with is one.
  if (places.length === 0) places.push(...[...demand].map(([id, wanted]) => undeclared(id, wanted / most)))
  const kept: Kept = { readAtMs: ctx.clock.now().getTime(), places }
  await ctx.cache.setMany([{ key, value: Buffer.from(JSON.stringify(kept)), ttlSeconds: KEPT_SECONDS }])
  return places
}

function undeclared(id: string, demand: number): Place {
  return { id, title: id, words: [], passes: passesOf({}), demand }
}

async function demandOf(ctx: ServingCtx): Promise<Map<string, number>> {
  const { items } = await listInteractions(ctx, { limit: RECENT_INTERACTIONS })
  const demand = new Map<string, number>()
  const ofPairs = new Map<string, number>()
  for (const { event, item_id, user_id } of items) {
    const weight = own(EVENT_WEIGHTS, event) ?? (event === RATED ? RATING_WEIGHT : undefined)
    if (item_id === undefined || weight === undefined) continue
    const pair = JSON.stringify([user_id, item_id])
    const before = ofPairs.get(pair) ?? 0
    const counted = Math.min(weight, MOST_A_PAIR - before)
    ofPairs.set(pair, before + counted)
    demand.set(item_id, (demand.get(item_id) ?? 0) + counted)
  }
  return demand
}
