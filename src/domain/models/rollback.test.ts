import { describe, expect, it } from 'vitest'
import { versionBefore } from './rollback.ts'

type History = Parameters<typeof versionBefore>[0]

/** `1 2 <` is: 1.0.0 promoted, 2.0.0 promoted, rolled back. */
function history(moves: string): History {
  const pile: string[] = []
  return moves.split(' ').map((move) => {
    if (move !== '<') {
      pile.push(`${move}.0.0`)
      return { version: `${move}.0.0`, action: 'promote' as const }
    }
    pile.pop()
    return { version: pile.at(-1)!, action: 'rollback' as const }
  })
}

describe('the version to go back to', () => {
  it.each([
    ['1 2', '1.0.0'],
    ['1 2 3', '2.0.0'],
    ['1 2 3 <', '1.0.0'],
    ['1 2 3 < <', null],
    ['1 2 < 3', '1.0.0'],
    ['1 2 < 2', '1.0.0'],
    ['1 2 1', '2.0.0'],
    ['1 2 1 <', '1.0.0'],
    ['1', null],
  ])('after %s is %s', (moves, version) => {
    expect(versionBefore(history(moves))).toBe(version)
  })

  it('is none where nothing was ever live', () => {
    expect(versionBefore([])).toBeNull()
  })
})
