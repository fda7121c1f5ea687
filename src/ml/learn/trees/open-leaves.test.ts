import fc from 'fast-check'
import { expect, it } from 'vitest'
import { OpenLeaves, type RankedLeaf } from './open-leaves.ts'

/** The first of those that come before all others, by looking through them. */
function next(open: readonly RankedLeaf[], policy: 'leafwise' | 'depthwise'): RankedLeaf {
  const level = policy === 'depthwise' ? Math.min(...open.map(({ depth }) => depth)) : undefined
  const wanted = open.filter(({ depth }) => level === undefined || depth === level)
  const gain = Math.max(...wanted.map((leaf) => leaf.gain))
  return wanted.filter((leaf) => leaf.gain === gain).sort((a, b) => a.node - b.node)[0]!
}

it.each(['leafwise', 'depthwise'] as const)(
  'leaves are taken by gain, equal ones in the order they came: %s',
  (policy) => {
    const leaf = fc.record({ depth: fc.integer({ min: 0, max: 3 }), gain: fc.integer({ min: 0, max: 6 }) })
    fc.assert(
      fc.property(fc.array(fc.option(leaf), { maxLength: 60 }), (steps) => {
        const open = new OpenLeaves<RankedLeaf>(policy)
        const all: RankedLeaf[] = []
        for (const [node, step] of steps.entries()) {
          if (step) {
            open.push({ ...step, node })
            all.push({ ...step, node })
          } else if (all.length > 0) {
            const wanted = next(all, policy)
            expect(open.take()).toEqual(wanted)
            all.splice(
              all.findIndex((one) => one.node === wanted.node),
              1,
            )
          } else expect(open.take()).toBeUndefined()
        }
      }),
    )
  },
)
