// What a tenant has recorded, as the arrays the recommender learns from. Only destinations that are declared entities are
// recommended; where none are declared, everything users dealt with is one.
import type { RecommendData } from '../../ml/recommend/candidates.ts'
import { type Feedback, fromRows, type SparseMatrix } from '../../ml/recommend/feedback.ts'
import type { Known } from '../known.ts'
import type { Records } from '../records.ts'
import { passesOf, sameWord, wordsOfDestination, wordsOfUser } from './words.ts'

/** How much an event speaks for a destination. Other events say nothing of it. */
export const EVENT_WEIGHTS: Readonly<Record<string, number>> = {
  viewed: 1,
  clicked: 1,
  searched: 1,
  saved: 3,
  liked: 3,
  wishlisted: 3,
  booked: 5,
  visited: 5,
}
/** Its `value` says how much: by how far it is above the average rating. */
export const RATED = 'rated'
/** Where the user has been, or is about to go: not recommended again. */
const CONSUMING = new Set(['booked', 'visited', RATED])

export interface Recorded {
  readonly data: RecommendData
  /** Users × destinations. */
  readonly consumed: SparseMatrix
  readonly userIds: readonly string[]
  readonly itemIds: readonly string[]
  readonly titles: readonly string[]
  readonly userWords: readonly string[]
  readonly passes: Int32Array
}

interface Event {
  readonly user: number
  readonly item: number
  readonly event: string
  readonly atMs: number
  readonly value: number | null
}

export interface RecordedOptions {
  readonly seed: number
  /** The moment popularity is looked at from. */
  readonly atMs: number
}

export async function recordedOf(records: Records, { seed, atMs }: RecordedOptions): Promise<Recorded> {
  const destinations = await knownEntities(records, 'destination')
  const items = new Numbers(destinations.keys())
  const users = new Numbers()
  const events = withoutFalseRatings(await readEvents(records, { users, items, declared: destinations.size > 0 }))
  const people = await knownEntities(records, 'user', (id) => users.has(id))
  const userWords = new Numbers()
  const itemWords = new Numbers()
  const userTokens = tokensOf(users, people, (known) => wordsOfUser(known).map((word) => userWords.of(word)))
  const itemTokens = tokensOf(items, destinations, (known) =>
    wordsOfDestination(known).map((word) => itemWords.of(word)),
  )
  const size = { userCount: users.size, itemCount: items.size }
  const itemIds = items.names()
  return {
    data: {
      feedback: implicitOf(events, size),
      ratings: feedbackOf(events.filter(isRating), size, ({ value }) => value!),
      userTokens: fromRows(userTokens, Math.max(1, userWords.size)),
      itemTokens: fromRows(itemTokens, Math.max(1, itemWords.size)),
      sameWords: userWords.names().flatMap((word, index) => {
        const same = itemWords.get(sameWord(word))
        return same === undefined ? [] : [[index, same] as const]
      }),
      atMs,
      seed,
    },
    consumed: fromRows(consumedRows(events, users.size), items.size),
    userIds: users.names(),
    itemIds,
    titles: itemIds.map((id) => titleOf(id, destinations.get(id))),
    userWords: userWords.names(),
    passes: Int32Array.from(itemIds, (id) => passesOf(destinations.get(id) ?? {})),
  }
}

export function titleOf(id: string, known: Known | undefined): string {
  const name = known?.name
  return typeof name === 'string' && name.trim() !== '' ? name : id
}

/** Numbers for texts, in the order they were met. */
class Numbers {
  readonly #numbers = new Map<string, number>()

  constructor(names: Iterable<string> = []) {
    for (const name of names) this.of(name)
  }

  get size(): number {
    return this.#numbers.size
  }

  of(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    this.#numbers.set(name, this.#numbers.size)
    return this.#numbers.size - 1
  }

  get(name: string | undefined): number | undefined {
    return name === undefined ? undefined : this.#numbers.get(name)
  }

  has(name: string): boolean {
    return this.#numbers.has(name)
  }

  names(): string[] {
    return [...this.#numbers.keys()]
  }
}

async function knownEntities(
  records: Records,
  type: string,
  wanted = (_id: string) => true,
): Promise<Map<string, Known>> {
  const found = new Map<string, Known>()
  for await (const page of records.entities(type)) {
    for (const { entity_id, features } of page) if (wanted(entity_id)) found.set(entity_id, features)
  }
  return found
}

interface Numbering {
  readonly users: Numbers
  readonly items: Numbers
  readonly declared: boolean
}

async function readEvents(records: Records, { users, items, declared }: Numbering): Promise<Event[]> {
  const events: Event[] = []
  for await (const page of records.interactions()) {
    for (const { userId, itemId, event, atMs, value } of page) {
      if (itemId === null || !(Object.hasOwn(EVENT_WEIGHTS, event) || event === RATED)) continue
      if (event === RATED && value === null) continue
      if (declared && !items.has(itemId)) continue
      events.push({ user: users.of(userId), item: items.of(itemId), event, atMs, value })
    }
  }
  return events
}

function tokensOf(names: Numbers, known: ReadonlyMap<string, Known>, words: (known: Known) => number[]) {
  return names.names().map((name) => {
    const own = known.get(name)
    return own ? [...new Set(words(own))].map((word) => [word, 1] as const) : []
  })
}

const isRating = ({ event, value }: Event) => event === RATED && value !== null

/** No scale of ratings goes so far. */
const FARTHEST = 1e6
/** Beyond the range in which nearly all of them lie, by so many times that range. */
const OUTSIDE = 10

/** Ratings that can be none (one of 1e308 among stars) say that the user was there, and nothing else. */
export function withoutFalseRatings(events: readonly Event[]): Event[] {
  const possible = ({ value }: Event) => Math.abs(value!) <= FARTHEST
  const values = Float64Array.from(
    events.filter((event) => isRating(event) && possible(event)),
    ({ value }) => value!,
  ).sort()
  const at = (share: number) => values[Math.round(share * (values.length - 1))]!
  const [low, high] = [at(0.05), at(0.95)]
  const reach = OUTSIDE * Math.max(1, high - low)
  return events.map((event) => {
    if (!isRating(event)) return event
    return possible(event) && event.value! >= low - reach && event.value! <= high + reach
      ? event
      : { ...event, value: null }
  })
}

interface Size {
  readonly userCount: number
  readonly itemCount: number
}

/** An average rating speaks for the destination as a click does, a good one like a booking, a bad one not at all. */
function implicitOf(events: readonly Event[], size: Size): Feedback {
  const ratings = events.filter(isRating).map(({ value }) => value!)
  const mean = ratings.reduce((a, b) => a + b, 0) / Math.max(1, ratings.length)
  const spread = Math.sqrt(ratings.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, ratings.length))
  const weight = ({ event, value }: Event) =>
    event === RATED
      ? Math.min(5, Math.max(0, 1 + (2 * ((value ?? mean) - mean)) / (spread || 1)))
      : EVENT_WEIGHTS[event]!
  return withBoundedPairs(feedbackOf(events, size, weight))
}

/** Whoever looks at one page ten thousand times wants it no more for that, and must not make the fashion of all others. */
export const MOST_A_PAIR = 20

/** The events of one user with one destination weigh so much together at most; the newest count. */
function withBoundedPairs(feedback: Feedback): Feedback {
  const { users, items, times, itemCount } = feedback
  const weights = feedback.weights.slice()
  const left = new Map<number, number>()
  for (const event of Uint32Array.from(weights.keys()).sort((a, b) => times[b]! - times[a]!)) {
    const pair = users[event]! * itemCount + items[event]!
    const room = left.get(pair) ?? MOST_A_PAIR
    weights[event] = Math.min(room, weights[event]!)
    left.set(pair, room - Math.max(0, weights[event]!))
  }
  return { ...feedback, weights }
}

function feedbackOf(events: readonly Event[], size: Size, weight: (event: Event) => number): Feedback {
  return {
    users: Int32Array.from(events, ({ user }) => user),
    items: Int32Array.from(events, ({ item }) => item),
    weights: Float32Array.from(events, weight),
    times: Float64Array.from(events, ({ atMs }) => atMs),
    ...size,
  }
}

function consumedRows(events: readonly Event[], users: number): (readonly (readonly [number, number])[])[] {
  const rows = Array.from({ length: users }, () => new Set<number>())
  for (const { user, item, event } of events) if (CONSUMING.has(event)) rows[user]!.add(item)
  return rows.map((row) => [...row].map((item) => [item, 1] as const))
}
