// Chooses the n-grams of a text column. Words are interned as numbers and n-grams counted in a trie of number pairs, so
// that no n-gram is ever spelled out while counting; only the chosen ones become strings.
import { eachCharacter, eachWord, lowerCase } from './tokens.ts'

export interface NgramOptions {
  readonly unit: 'word' | 'character'
  /** Shortest and longest n-gram, in units. */
  readonly range: readonly [number, number]
  /** An n-gram must occur in so many cells. */
  readonly minDocuments: number
  /** The most frequent so many are kept. */
  readonly maxFeatures: number
  /** Units that come when there are so many others are not counted. Default 8 million. */
  readonly maxUnits?: number
}

export interface Ngram {
  /** The units, as the graph's Tokenizer gives them. */
  readonly units: readonly string[]
  /** Number of cells it occurs in. */
  readonly documents: number
}

/** Beyond so many distinct n-grams no new ones are counted, which bounds memory at about 400 MB. */
const MAX_NODES = 1 << 24
/** Each makes two n-grams at least, and JavaScript's map of them has no room for many more. */
const MAX_UNITS = MAX_NODES / 2
const UNCOUNTED = -1

/** A growing trie: node = (parent node, unit); the nodes of single units have parent -1. */
class Trie {
  size = 0
  parent = new Int32Array(1 << 12)
  unit = new Int32Array(1 << 12)
  documents = new Int32Array(1 << 12)
  total = new Int32Array(1 << 12)
  #lastSeen = new Int32Array(1 << 12)
  #slots = new Int32Array(1 << 13)

  /** The child of `parent` by `unit`, made when new; -1 when the trie is full. */
  child(parent: number, unit: number): number {
    let mask = this.#slots.length - 1
    let slot = hash(parent, unit) & mask
    for (let found = this.#slots[slot]!; found !== 0; found = this.#slots[slot]!) {
      if (this.parent[found - 1] === parent && this.unit[found - 1] === unit) return found - 1
      slot = (slot + 1) & mask
    }
    if (this.size === MAX_NODES) return -1
    if (this.size * 2 >= this.#slots.length) {
      this.#grow()
      mask = this.#slots.length - 1
      slot = hash(parent, unit) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    }
    const node = this.size++
    this.parent[node] = parent
    this.unit[node] = unit
    this.#lastSeen[node] = -1
    this.#slots[slot] = node + 1
    return node
  }

  count(node: number, document: number): void {
    this.total[node]!++
    if (this.#lastSeen[node] === document) return
    this.#lastSeen[node] = document
    this.documents[node]!++
  }

  #grow(): void {
    const larger = (old: Int32Array<ArrayBuffer>) => {
      const grown = new Int32Array(old.length * 2)
      grown.set(old)
      return grown
    }
    if (this.size === this.parent.length) {
      this.parent = larger(this.parent)
      this.unit = larger(this.unit)
      this.documents = larger(this.documents)
      this.total = larger(this.total)
      this.#lastSeen = larger(this.#lastSeen)
    }
    const slots = new Int32Array(this.#slots.length * 2)
    const mask = slots.length - 1
    for (let node = 0; node < this.size; node++) {
      let slot = hash(this.parent[node]!, this.unit[node]!) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = node + 1
    }
    this.#slots = slots
  }
}

function hash(parent: number, unit: number): number {
  let h = Math.imul(parent, 0x9e3779b1) ^ Math.imul(unit, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
  return h ^ (h >>> 13)
}

/**
 * The n-grams worth a feature: shortest first, then by code units, whatever the order of the cells. When too many
 * qualify, those that occur most often in all are kept (as scikit-learn's `max_features` does). Where none reaches
 * `minDocuments`, a single document is enough.
 */
export function chooseNgrams(cells: Iterable<string | null>, options: NgramOptions): Ngram[] {
  const { trie, units } = countNgrams(cells, options)
  const lengths = new Uint8Array(trie.size)
  const candidates: number[] = []
  const enough = trie.documents.subarray(0, trie.size).some((n) => n >= options.minDocuments) ? options.minDocuments : 1
  for (let node = 0; node < trie.size; node++) {
    const parent = trie.parent[node]!
    lengths[node] = parent < 0 ? 1 : lengths[parent]! + 1
    if (lengths[node]! >= options.range[0] && trie.documents[node]! >= enough) candidates.push(node)
  }
  const spell = (node: number): string[] => {
    const spelled = new Array<string>(lengths[node]!)
    for (let at = node, i = spelled.length - 1; i >= 0; at = trie.parent[at]!, i--) spelled[i] = units[trie.unit[at]!]!
    return spelled
  }
  const separator = options.unit === 'word' ? ' ' : ''
  const written = (node: number) => ({ node, units: spell(node), key: spell(node).join(separator) })
  const byText = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
  let kept = candidates
  if (candidates.length > options.maxFeatures) {
    const totals = Int32Array.from(candidates, (node) => trie.total[node]!).sort()
    const bar = totals[totals.length - options.maxFeatures]!
    const above = candidates.filter((node) => trie.total[node]! > bar)
    const level = candidates
      .filter((node) => trie.total[node] === bar)
      .map(written)
      .sort(byText)
    kept = [...above, ...level.slice(0, options.maxFeatures - above.length).map((one) => one.node)]
  }
  return kept
    .map(written)
    .sort((a, b) => a.units.length - b.units.length || byText(a, b))
    .map(({ node, units: spelled }) => ({ units: spelled, documents: trie.documents[node]! }))
}

function countNgrams(cells: Iterable<string | null>, options: NgramOptions): { trie: Trie; units: string[] } {
  const [shortest, longest] = options.range
  const { maxUnits = MAX_UNITS } = options
  const trie = new Trie()
  const ids = new Map<string, number>()
  const units: string[] = []
  const each = options.unit === 'word' ? eachWord : eachCharacter
  let line = new Int32Array(1024)
  let length = 0
  const visit = (unit: string) => {
    let id = ids.get(unit)
    if (id === undefined) {
      id = units.length < maxUnits ? units.push(unit) - 1 : UNCOUNTED
      if (id !== UNCOUNTED) ids.set(unit, id)
    }
    if (length === line.length) {
      const grown = new Int32Array(length * 2)
      grown.set(line)
      line = grown
    }
    line[length++] = id
  }
  let document = 0
  for (const cell of cells) {
    length = 0
    if (cell !== null) each(lowerCase(cell), visit)
    for (let start = 0; start < length; start++) {
      let node = -1
      for (let n = 1; n <= longest && start + n <= length; n++) {
        const unit = line[start + n - 1]!
        node = unit === UNCOUNTED ? -1 : trie.child(node, unit)
        if (node < 0) break
        if (n >= shortest) trie.count(node, document)
      }
    }
    document++
  }
  return { trie, units }
}
