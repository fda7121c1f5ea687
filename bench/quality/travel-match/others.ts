// What the other dates say. Of the partner: what those who met them decided and found, only from rows that are learned from, and
// never from the row itself. Of the one who decides: how a rating compares with their other ratings of the evening. Averages are
// drawn towards the usual while there is little of them.
import { afterwards, type Features, RATINGS, type Row } from './dates.ts'

/** So many imagined usual dates are added. */
const SHRINK = 3
const SAID = ['decision', ...RATINGS]

/** Who the partner is: the set names only the one who decides, but shows of the partner age, race and wishes. */
function partnerOf(row: Row): string {
  const wishes = Object.keys(row).filter((name) => name.startsWith('pref_o_'))
  return [row.gender, row.age_o, row.race_o, ...wishes.map((name) => row[name])].join('|')
}

/** What a row says of its partner: as it is, and as against what its person usually says. */
interface Opinion {
  readonly said: readonly number[]
  readonly against: readonly number[]
}

/** What was said of partners by the persons of the rows that are learned from. */
export class Opinions {
  readonly #byRow = new Map<Row, Opinion>()
  readonly #byPartner = new Map<string, Opinion[]>()
  readonly #usual = new Map<string, readonly number[]>()

  constructor(rows: readonly Row[]) {
    for (const [gender, theirs] of Map.groupBy(rows, (row) => row.gender!)) this.#usual.set(gender, meansOf(theirs, []))
    for (const theirs of Map.groupBy(rows, (row) => row.person_id!).values()) {
      const persons = meansOf(theirs, this.#usual.get(theirs[0]!.gender!)!)
      for (const row of theirs) {
        const said = saidBy(row)
        const opinion = { said, against: said.map((value, i) => value - persons[i]!) }
        this.#byRow.set(row, opinion)
        this.#byPartner.set(partnerOf(row), [...(this.#byPartner.get(partnerOf(row)) ?? []), opinion])
      }
    }
  }

  /** Features of the partner; without what the row itself says. */
  of(row: Row): Features {
    const own = this.#byRow.get(row)
    const others = (this.#byPartner.get(partnerOf(row)) ?? []).filter((opinion) => opinion !== own)
    const usual = this.#usual.get(row.gender!)!
    const weight = others.length + SHRINK
    const features: Features = { 'others: dates': others.length }
    for (const [i, name] of SAID.entries()) {
      features[`others: ${name}`] = (others.reduce((sum, { said }) => sum + said[i]!, 0) + SHRINK * usual[i]!) / weight
      features[`others: ${name} against their usual`] =
        others.reduce((sum, { against }) => sum + against[i]!, 0) / weight
    }
    return features
  }
}

function saidBy(row: Row): number[] {
  return SAID.map((name) => Number(row[name]))
}

/** Drawn towards `usual`, where there is one. */
function meansOf(rows: readonly Row[], usual: readonly number[]): number[] {
  const said = rows.map(saidBy)
  const shrink = usual.length > 0 ? SHRINK : 0
  return SAID.map(
    (_, i) => (said.reduce((sum, one) => sum + one[i]!, 0) + shrink * (usual[i] ?? 0)) / (said.length + shrink),
  )
}

/** So many imagined ratings of the usual spread of 1 keep a person of few dates from having a spread of nothing. */
const SPREAD_SHRINK = 3

/**
 * What was found on the date, also as against the person's other dates: the difference from their mean, in spreads of their own, and the
 * rank among them; and how strict the person is. No decision has a part in it.
 */
export function comparedRatings(rows: readonly Row[]): ReadonlyMap<Row, Features> {
  const compared = new Map<Row, Features>()
  for (const theirs of Map.groupBy(rows, (row) => row.person_id!).values()) {
    const found = theirs.map(afterwards)
    const names = Object.keys(found[0]!)
    const sums = Object.fromEntries(names.map((name) => [name, found.reduce((sum, one) => sum + one[name]!, 0)]))
    for (const [index, row] of theirs.entries()) {
      const own = found[index]!
      const others = Math.max(1, theirs.length - 1)
      const against = names.map((name) => [`against others: ${name}`, own[name]! - (sums[name]! - own[name]!) / others])
      const inPerson = withinPerson(own, found)
      compared.set(row, { ...own, ...(Object.fromEntries(against) as Features), ...inPerson, dates: theirs.length })
    }
  }
  return compared
}

function withinPerson(own: Features, all: readonly Features[]): Features {
  const features: Features = {}
  for (const name of Object.keys(own).filter((name) => !name.startsWith('likeness'))) {
    const values = all.map((one) => one[name]!)
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, SPREAD_SHRINK)
    const spread = Math.sqrt(squares / (values.length + SPREAD_SHRINK))
    const below = values.filter((value) => value < own[name]!).length
    const same = values.filter((value) => value === own[name]!).length
    features[`in spreads: ${name}`] = (own[name]! - mean) / spread
    features[`rank: ${name}`] = (below + same / 2) / values.length
    features[`usual: ${name}`] = mean
    features[`spread: ${name}`] = spread
  }
  return features
}
