// A table with something of everything (numbers, categories, a moment, a flag, quoted text), the same bytes every time.
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { seededRandom } from '../src/core/random.ts'

/** Eleven columns, about 920,000 rows in 100 MB. @returns the path. */
export async function writeMixedTable(path: string, mostBytes: number): Promise<string> {
  const random = seededRandom(1)
  const words = 'lorem ipsum dolor sit amet consectetur adipiscing elit sed do'.split(' ')
  const pick = (of: readonly string[]) => of[random.integer(of.length)]!
  const out = createWriteStream(path)
  out.write('id,age,income,score,ratio,city,plan,active,signup,comment,target\n')
  let bytes = 0
  for (let id = 1; bytes < mostBytes; ) {
    const lines: string[] = []
    for (let i = 0; i < 5000; i++, id++) {
      const age = random.next() < 0.05 ? '' : String(18 + random.integer(60))
      const figures = `${(random.next() * 1e5).toFixed(2)},${random.next().toFixed(6)},${(random.next() * 10 - 5).toFixed(4)}`
      const kinds = `City ${random.integer(500)},${pick(['free', 'basic', 'pro'])},${random.next() < 0.5}`
      const signup = new Date(1.6e12 + id * 60_000).toISOString().slice(0, 19)
      const comment = `"${pick(words)} ${pick(words)}, ${pick(words)}"`
      lines.push(`${id},${age},${figures},${kinds},${signup},${comment},${Number(random.next() < 0.3)}\n`)
    }
    const block = lines.join('')
    bytes += block.length
    if (!out.write(block)) await once(out, 'drain')
  }
  out.end()
  await finished(out)
  return path
}
