// Ten beaches are not ten recommendations: the list is chosen by maximal marginal relevance (Carbonell and Goldstein 1998), each
// next one weighing its score against its likeness to those already chosen. What was chosen is then shown by score.

export interface Candidate {
  readonly score: number
  /** Words of it, as numbers. */
  readonly tags: ReadonlySet<number>
}

/** How much the score counts against variety. */
const RELEVANCE = 0.85

/** Candidates must come best first. */
export function chooseDiverse<C extends Candidate>(candidates: readonly C[], count: number): C[] {
  const left = [...candidates]
  const chosen: C[] = []
  const closest = new Map<C, number>(left.map((candidate) => [candidate, 0]))
  while (chosen.length < count && left.length > 0) {
    let best = 0
    for (let at = 1; at < left.length; at++) if (worth(left[at]!) > worth(left[best]!)) best = at
    const [next] = left.splice(best, 1)
    chosen.push(next!)
    for (const candidate of left) {
      closest.set(candidate, Math.max(closest.get(candidate)!, likeness(candidate.tags, next!.tags)))
    }
  }
  return chosen.sort((a, b) => b.score - a.score)

  function worth(candidate: C): number {
    return RELEVANCE * candidate.score - (1 - RELEVANCE) * closest.get(candidate)!
  }
}

/** The cosine of two sets, 0 to 1. */
function likeness(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  if (a.size === 0 || b.size === 0) return 0
  let common = 0
  for (const tag of a) if (b.has(tag)) common++
  return common / Math.sqrt(a.size * b.size)
}
