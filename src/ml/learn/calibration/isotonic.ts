// Isotonic regression: the best never-falling map from score to probability, by pooling adjacent violators. Each pooled
// block stands at the mean of its scores and the map is straight between them (Oron and Flournoy 2017, "Centered isotonic
// regression"): a staircase would turn a rounding error of the score into a jump of the answer.

export interface Ladder {
  /** Strictly rising. */
  readonly scores: Float64Array
  /** Never falling, inside (0, 1). */
  readonly shares: Float64Array
}

export interface ScoredHits {
  readonly scores: Float64Array
  /** 0 or 1. */
  readonly hits: Uint8Array
  readonly weights?: Float64Array | undefined
  /** Knots lie at least so far apart: between two that nearly meet the map would be a jump. */
  readonly closest: number
}

interface Block {
  /** Σ weight, Σ weight·hit, Σ weight·score */
  weight: number
  hits: number
  score: number
}

/** More knots than these say nothing a person could check, and each costs a comparison a row. */
const MAX_KNOTS = 256

export function fitIsotonic({ scores, hits, weights, closest }: ScoredHits): Ladder {
  const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]! || a - b)
  const blocks: Block[] = []
  for (let at = 0; at < order.length; ) {
    const score = scores[order[at]!]!
    let weight = 0
    let hit = 0
    // Rows of one score are one block from the start: pooled one by one, what they answer would depend on their order.
    for (; at < order.length && scores[order[at]!] === score; at++) {
      const own = weights ? weights[order[at]!]! : 1
      weight += own
      hit += own * hits[order[at]!]!
    }
    if (weight === 0) continue
    blocks.push({ weight, hits: hit, score: weight * score })
    while (blocks.length > 1 && falls(blocks.at(-2)!, blocks.at(-1)!)) merge(blocks)
  }
  return ladder(thinned(blocks, closest))
}

/** Also true of equals: one block in place of two with the same share. */
const falls = (a: Block, b: Block) => a.hits * b.weight >= b.hits * a.weight

function merge(blocks: Block[]): void {
  const last = blocks.pop()!
  const before = blocks.at(-1)!
  before.weight += last.weight
  before.hits += last.hits
  before.score += last.score
}

/** Blocks too close to each other, or too light, join the one before; merging neighbours keeps the shares rising. */
function thinned(blocks: readonly Block[], closest: number): Block[] {
  const lightest = blocks.reduce((sum, block) => sum + block.weight, 0) / MAX_KNOTS
  const at = ({ score, weight }: Block) => score / weight
  const kept: Block[] = []
  for (const block of blocks) {
    const before = kept.at(-1)
    kept.push({ ...block })
    if (before && (at(block) - at(before) < closest || before.weight < lightest)) merge(kept)
  }
  return kept
}

/** A share is drawn by one row towards the share of all, so that no block of pure hits promises certainty. */
function ladder(blocks: readonly Block[]): Ladder {
  const weight = blocks.reduce((sum, block) => sum + block.weight, 0)
  const share = (blocks.reduce((sum, block) => sum + block.hits, 0) + 1) / (weight + 2)
  const shares = blocks.map((block) => (block.hits + share) / (block.weight + 1))
  for (let i = 1; i < shares.length; i++) shares[i] = Math.max(shares[i]!, shares[i - 1]!)
  if (blocks.length === 0) return { scores: Float64Array.of(0), shares: Float64Array.of(share) }
  return {
    scores: Float64Array.from(blocks, (block) => block.score / block.weight),
    shares: Float64Array.from(shares),
  }
}

/** The share at a score; flat before the first and after the last knot. */
export function climb({ scores, shares }: Ladder, score: number): number {
  let low = 0
  let high = scores.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (scores[middle]! <= score) low = middle + 1
    else high = middle
  }
  if (low === 0) return shares[0]!
  if (low === scores.length) return shares[low - 1]!
  const rise = (shares[low]! - shares[low - 1]!) / (scores[low]! - scores[low - 1]!)
  return shares[low - 1]! + rise * (score - scores[low - 1]!)
}
