// Shapley values of a model nobody can look into, by asking it: a player outside the coalition takes its value from a row of
// the background. Few players are enumerated; more are sampled as permutations, each with its reverse (Mitchell et al. 2022,
// "Sampling permutations for Shapley value estimation": antithetic pairs), and what the sample leaves of the sum is shared
// out by the variances, as shap's SamplingExplainer does (Štrumbelj and Kononenko 2014 is the method).
import { type Random, seededRandom, shuffle } from '../../core/random.ts'

/** Background row `row`, but for the players whose `members` entry is 1: those have the values of the row explained. */
export interface Coalition {
  readonly row: number
  readonly members: Uint8Array
}

export interface Game {
  readonly players: number
  /** Score of every background row as it is. */
  readonly empty: Float64Array
  /** Score of the row explained. */
  readonly full: number
  /** The player has the same value in both rows, so that it can change nothing. */
  same(row: number, player: number): boolean
  evaluate(coalitions: readonly Coalition[]): Promise<Float64Array>
}

export interface SamplingOptions {
  readonly seed: number
  /** Coalitions to ask about at most; one pair of permutations is always asked. */
  readonly evaluations: number
  /** Coalitions to ask about at once. */
  readonly batch: number
  /** Time is up: asked between batches. */
  readonly expired: () => boolean
}

export interface SampledShapley {
  /** Average score of the background. With the contributions it adds up to the score. */
  readonly base: number
  /** Score of the row explained. */
  readonly score: number
  readonly contributions: Float64Array
  /** Standard error of each contribution; NaN where one pair was all, 0 where nothing was left to chance. */
  readonly errors: Float64Array
  readonly evaluations: number
  readonly exact: boolean
}

export async function shapleyValues(game: Game, options: SamplingOptions): Promise<SampledShapley> {
  const base = mean(game.empty)
  if (game.players === 0) return certain(game, new Float64Array(0), 0)
  if (game.players === 1) return certain(game, Float64Array.of(game.full - base), 0)
  const whole = (2 ** game.players - 2) * game.empty.length
  const all = whole <= options.evaluations ? await enumerate(game, base, options) : null
  return all ?? sample(game, base, options)
}

const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length

function certain(game: Game, contributions: Float64Array, evaluations: number): SampledShapley {
  const found = { base: mean(game.empty), score: game.full, contributions }
  return { ...found, errors: new Float64Array(contributions.length), evaluations, exact: true }
}

/** Every coalition over every background row: no chance left. Null when time is up before. */
async function enumerate(game: Game, base: number, options: SamplingOptions): Promise<SampledShapley | null> {
  const { players, empty, full } = game
  const size = 2 ** players
  const worth = new Float64Array(size)
  worth[0] = base
  worth[size - 1] = full
  const coalitions: Coalition[] = []
  for (let mask = 1; mask < size - 1; mask++) {
    const members = Uint8Array.from({ length: players }, (_, player) => (mask >> player) & 1)
    for (let row = 0; row < empty.length; row++) coalitions.push({ row, members })
  }
  for (let start = 0; start < coalitions.length; start += options.batch) {
    if (start > 0 && options.expired()) return null
    const scores = await game.evaluate(coalitions.slice(start, start + options.batch))
    scores.forEach((score, i) => {
      worth[1 + Math.floor((start + i) / empty.length)]! += score / empty.length
    })
  }
  const weights = coalitionWeights(players)
  const contributions = Float64Array.from({ length: players }, (_, player) => {
    let sum = 0
    for (let mask = 0; mask < size; mask++) {
      if ((mask >> player) & 1) continue
      sum += weights[bits(mask)]! * (worth[mask | (1 << player)]! - worth[mask]!)
    }
    return sum
  })
  return certain(game, contributions, coalitions.length)
}

/** Weight of a coalition of each size without the player: size! (players − size − 1)! / players!. */
function coalitionWeights(players: number): Float64Array {
  const weights = new Float64Array(players)
  weights[0] = 1 / players
  for (let size = 1; size < players; size++) weights[size] = (weights[size - 1]! * size) / (players - size)
  return weights
}

function bits(mask: number): number {
  let count = 0
  for (let rest = mask; rest > 0; rest &= rest - 1) count++
  return count
}

/** One permutation over one background row: where the score after each player stands. */
interface Walk {
  readonly row: number
  readonly order: readonly number[]
  /** For each player in order: place of its coalition among those asked, -1 for "as before", -2 for all players. */
  readonly places: readonly number[]
}

const AS_BEFORE = -1
const ALL = -2

async function sample(game: Game, base: number, options: SamplingOptions): Promise<SampledShapley> {
  const { players, empty } = game
  const random = seededRandom(options.seed)
  const rows = shuffle(
    Uint32Array.from(empty, (_, row) => row),
    random,
  )
  const totals = { pairs: 0, mean: new Float64Array(players), squares: new Float64Array(players) }
  let evaluations = 0
  let next = 0
  do {
    const asked: Coalition[] = []
    const walks: Walk[] = []
    do {
      const order = permutation(players, random)
      const row = rows[next++ % rows.length]!
      walks.push(walk(game, row, order, asked), walk(game, row, order.toReversed(), asked))
    } while (
      asked.length + 2 * players <= options.batch &&
      evaluations + asked.length < options.evaluations &&
      next < rows.length * players
    )
    const scores = await evaluateAll(game, asked, options.batch)
    evaluations += asked.length
    for (let i = 0; i < walks.length; i += 2) addPair(game, totals, [walks[i]!, walks[i + 1]!], scores)
  } while (evaluations < options.evaluations && next < rows.length * players && !options.expired())
  const errors = totals.squares.map((square) => Math.sqrt(square / (totals.pairs - 1) / totals.pairs))
  const contributions = closeSum(totals.mean, errors, game.full - base)
  return { base, score: game.full, contributions, errors, evaluations, exact: false }
}

function permutation(players: number, random: Random): number[] {
  return shuffle(
    Array.from({ length: players }, (_, player) => player),
    random,
  )
}

function walk(game: Game, row: number, order: readonly number[], asked: Coalition[]): Walk {
  const members = new Uint8Array(game.players)
  let differing = order.reduce((count, player) => count + Number(!game.same(row, player)), 0)
  const places = order.map((player) => {
    members[player] = 1
    if (game.same(row, player)) return AS_BEFORE
    differing--
    if (differing === 0) return ALL
    asked.push({ row, members: members.slice() })
    return asked.length - 1
  })
  return { row, order, places }
}

async function evaluateAll(game: Game, asked: readonly Coalition[], batch: number): Promise<Float64Array> {
  const scores = new Float64Array(asked.length)
  for (let start = 0; start < asked.length; start += batch) {
    scores.set(await game.evaluate(asked.slice(start, start + batch)), start)
  }
  return scores
}

interface Totals {
  pairs: number
  readonly mean: Float64Array
  readonly squares: Float64Array
}

/** Welford's running mean and sum of squares, over pairs: the two walks of a pair are not independent. */
function addPair(game: Game, totals: Totals, pair: readonly [Walk, Walk], scores: Float64Array): void {
  const gains = new Float64Array(game.players)
  for (const { row, order, places } of pair) {
    let before = game.empty[row]!
    order.forEach((player, i) => {
      const place = places[i]!
      const after = place === AS_BEFORE ? before : place === ALL ? game.full : scores[place]!
      gains[player]! += (after - before) / 2
      before = after
    })
  }
  totals.pairs++
  for (let player = 0; player < game.players; player++) {
    const off = gains[player]! - totals.mean[player]!
    totals.mean[player]! += off / totals.pairs
    totals.squares[player]! += off * (gains[player]! - totals.mean[player]!)
  }
}

/** Shares out what is missing to `total`: most where the sample says least. */
function closeSum(found: Float64Array, errors: Float64Array, total: number): Float64Array {
  const missing = total - found.reduce((sum, value) => sum + value, 0)
  const weights = errors.map((error) => (Number.isFinite(error) ? error * error : 0))
  const sum = weights.reduce((all, weight) => all + weight, 0)
  return found.map((value, i) => value + missing * (sum > 0 ? weights[i]! / sum : 1 / found.length))
}
