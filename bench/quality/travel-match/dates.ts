// The rows of the speed dates, and what can be said of a date from them: the columns as they are, what follows from the two persons
// together, and (afterwards) how the other was found to be.
import { readFileSync } from 'node:fs'

export type Row = Readonly<Record<string, string>>
export type Features = Record<string, number>

const WORDS = ['person_id', 'gender', 'race', 'race_o', 'field', 'decision', 'like']
const WISHES = ['attractive', 'sincere', 'intelligence', 'funny', 'ambition', 'shared_interests']
const WISHES_OF_OTHER = ['attractive', 'sincere', 'intelligence', 'funny', 'ambitious', 'shared_interests']
const TRAITS = ['attractive', 'sincere', 'intelligence', 'funny', 'ambition']
/** How the other was found to be: known only after the date. (One column is misspelt in the file.) */
export const RATINGS = [
  'attractive_partner',
  'sincere_partner',
  'intelligence_parter',
  'funny_partner',
  'ambition_partner',
  'shared_interests_partner',
]

export function readRows(path: string): Row[] {
  const [head, ...lines] = readFileSync(path, 'utf8').trim().split('\n').map(cellsOf)
  return lines.map((cells) => Object.fromEntries(cells.map((cell, i) => [head![i]!, cell])))
}

function cellsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}

const share = (values: readonly number[]) => {
  const whole = values.reduce((a, b) => a + b, 0) || 1
  return values.map((value) => value / whole)
}
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)

export function columnsOf(row: Row, races: readonly string[]): Features {
  const features: Features = { male: Number(row.gender === 'male') }
  for (const [name, cell] of Object.entries(row)) {
    if (!WORDS.includes(name) && !RATINGS.includes(name)) features[name] = Number(cell)
  }
  for (const race of races) {
    features[`race ${race}`] = Number(row.race === race)
    features[`race_o ${race}`] = Number(row.race_o === race)
  }
  return features
}

export function pairOf(row: Row): Features {
  const number = (name: string) => Number(row[name])
  const own = share(WISHES.map((name) => number(`${name}_important`)))
  const others = share(WISHES_OF_OTHER.map((name) => number(`pref_o_${name}`)))
  const gap = number('age') - number('age_o')
  const unlike = 1 - number('samerace')
  return {
    age_gap: gap,
    age_likeness: -Math.abs(gap),
    age_level: (number('age') + number('age_o')) / 2,
    older_man: (row.gender === 'male' ? 1 : -1) * gap,
    wishes_distance: own.reduce((sum, wish, i) => sum + Math.abs(wish - others[i]!), 0),
    wishes_likeness: dot(own, others) / Math.sqrt(dot(own, own) * dot(others, others)),
    fits_the_other: dot(
      TRAITS.map((name) => number(name)),
      others,
    ),
    same_race_wished: number('samerace') * number('importance_same_race'),
    other_race_unwished: unlike * number('importance_same_race'),
    ...Object.fromEntries(WISHES.map((name, i) => [`wish_gap ${name}`, own[i]! - others[i]!])),
  }
}

export function afterwards(row: Row): Features {
  const ratings = RATINGS.map((name) => Number(row[name]))
  const wishes = share(WISHES.map((name) => Number(row[`${name}_important`])))
  return {
    ...Object.fromEntries(RATINGS.map((name, i) => [name, ratings[i]!])),
    rating_by_wishes: dot(wishes, ratings),
    rating_mean: ratings.reduce((a, b) => a + b, 0) / ratings.length,
    rating_least: Math.min(...ratings),
    ...Object.fromEntries(TRAITS.map((name, i) => [`likeness ${name}`, ratings[i]! - Number(row[name])])),
  }
}
