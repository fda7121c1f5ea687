import { describe, expect, it } from 'vitest'
import { versionBefore } from './rollback.ts'

type History = Parameters<typeof versionBefore>[0]

const strategy = { type: 'all' as const }

/** `1 2 <` is: 1.0.0 promoted, 2.0.0 promoted, rolled back; `~2` is a canary of 2.0.0 that was begun and ended. */
function history(moves: string): History {
  const pile: string[] = []
  return moves.split(' ').flatMap((move): History => {
    if (move.startsWith('~')) {
      const canary = { type: 'canary' as const }
      const begun = { version: `${move.slice(1)}.0.0`, action: 'deploy' as const, strategy: canary }
      return [begun, { version: pile.at(-1)!, action: 'rollback' as const, strategy: canary }]
    }
    if (move !== '<') {
      pile.push(`${move}.0.0`)
      return [{ version: `${move}.0.0`, action: 'promote' as const, strategy }]
    }
    pile.pop()
    return [{ version: pile.at(-1)!, action: 'rollback' as const, strategy }]
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
    ['1 ~2', null],
    ['1 2 ~3', '1.0.0'],
    ['1 ~2 2', '1.0.0'],
    ['1 2 ~3 <', null],
  ])('after %s is %s', (moves, version) => {
    expect(versionBefore(history(moves))).toBe(version)
  })

  it('is none where nothing was ever live', () => {
    expect(versionBefore([])).toBeNull()
  })
})
