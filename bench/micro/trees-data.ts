// The table that trees.ts trains on: numbers of several shapes, a target of interactions, waves and noise, as files that every
// engine reads.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom } from '../../src/core/random.ts'

export const WIDTH = 30

/** Writes `<name>.values` (float32, [row][feature]) and `<name>.labels` (uint8). */
export async function writeTable(folder: string, name: string, { rows, seed }: { rows: number; seed: number }) {
  const random = seededRandom(seed)
  const values = new Float32Array(rows * WIDTH)
  const labels = new Uint8Array(rows)
  for (let row = 0; row < rows; row++) {
    const own = values.subarray(row * WIDTH, (row + 1) * WIDTH)
    for (let j = 0; j < WIDTH; j++) {
      const normal = random.normal()
      own[j] = j < 20 ? normal : j < 25 ? Math.exp(normal) : Math.round(normal * 4)
    }
    const [a, b, c, d, e, f] = own
    const score = a! * b! + Math.sin(2 * c!) + (d! > 0.5 ? e! : -f!) + own[20]! / 2 + own[25]! / 8
    labels[row] = Number(score + random.normal() > 0.8)
  }
  await writeFile(join(folder, `${name}.values`), values)
  await writeFile(join(folder, `${name}.labels`), labels)
}
