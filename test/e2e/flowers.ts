// A small table in the manner of the iris data, drawn anew from every seed: a training on it takes a second.
import { type Random, seededRandom } from '../../src/core/random.ts'

export const FLOWER_ROWS = 200
export const FLOWER = { sepal_length: 5.1, sepal_width: 3.5, petal_length: 1.4, petal_width: 0.2 }
export const SPECIES = ['setosa', 'versicolor', 'virginica'] as const

const CENTRES = [
  [5.0, 3.4, 1.5, 0.25],
  [5.9, 2.8, 4.3, 1.3],
  [6.6, 3.0, 5.6, 2.0],
] as const

/** CSV with the columns of `FLOWER` and `species`; the seed also decides how well the species can be told apart. */
export function flowers(seed: number, rows = FLOWER_ROWS): string {
  const random = seededRandom(seed)
  const spread = 0.4 + random.next()
  const lines = [`${Object.keys(FLOWER).join(',')},species`]
  for (let row = 0; row < rows; row++) lines.push(flower(random, row % SPECIES.length, spread))
  return `${lines.join('\n')}\n`
}

function flower(random: Random, species: number, spread: number): string {
  const values = CENTRES[species]!.map((centre) => (centre + spread * random.normal()).toFixed(2))
  return `${values.join(',')},${SPECIES[species]}`
}
