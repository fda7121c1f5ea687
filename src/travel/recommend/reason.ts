// The strongest part of a score, in words. Parts are those of the model's own sum; words of one kind speak together.

export interface Parts {
  readonly popular: number
  /** What the user's behaviour says, by factors or by neighbours. */
  readonly behaviour: number
  /** The destination of the user's that it goes with; '' where there is none. */
  readonly because: string
  /** Word of the user (`interest:art`) → what it adds. */
  readonly words: readonly (readonly [string, number])[]
}

const SENTENCES: Readonly<Record<string, (words: readonly string[]) => string>> = {
  interest: (words) => `Based on your interest in ${listed(words)}`,
  style: (words) => `Fits how you travel: ${listed(words)}`,
  budget: ([level]) => `Fits your ${level} budget`,
  home: ([country]) => `Liked by travellers from ${country!.length === 2 ? country!.toUpperCase() : country}`,
  segment: () => 'Liked by travellers like you',
}
export const POPULAR = 'Popular with travellers at the moment'
export const NOTHING_KNOWN = 'Little is known that speaks for it or against it'

export function reasonOf({ popular, behaviour, because, words }: Parts): string {
  const kinds = new Map<string, number>()
  for (const [word, value] of words) {
    const kind = kindOf(word)
    if (kind in SENTENCES) kinds.set(kind, (kinds.get(kind) ?? 0) + value)
  }
  const [kind, most] = [...kinds].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0])
  if (behaviour > Math.max(0, popular, most)) {
    return because === '' ? 'Based on what you looked at and booked' : `Goes with your interest in ${because}`
  }
  if (most <= Math.max(0, popular)) return popular > 0 ? POPULAR : NOTHING_KNOWN
  const strongest = words
    .filter(([word, value]) => kindOf(word) === kind && value > 0)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 2)
  return SENTENCES[kind]!(strongest.map(([word]) => word.slice(kind.length + 1)))
}

function kindOf(word: string): string {
  return word.slice(0, Math.max(0, word.indexOf(':')))
}

function listed(words: readonly string[]): string {
  return words.join(' and ')
}
