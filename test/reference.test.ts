// The reference pages: equal to what the sources make, complete for error codes, and each gate proven on a planted fault.
import { spawnSync } from 'node:child_process'
import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ADVICE } from '../scripts/reference/error-advice.ts'
import { codesOf, collectErrorCodes } from '../scripts/reference/error-codes.ts'

const IMPORT = "import { fail, invalid, notFound } from '../core/failure.ts'\n"

function check(folder: string) {
  return spawnSync(process.execPath, ['scripts/reference.ts', '--check', folder], { encoding: 'utf8' })
}

describe('docs/reference', () => {
  it('is what the sources make (else run: npm run reference)', () => {
    const { status, stderr } = check('docs/reference')
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })

  it('is refused when a page differs by one line', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reference-'))
    try {
      await cp('docs/reference', folder, { recursive: true })
      await appendFile(join(folder, 'metrics.md'), 'one line more\n')
      const { status, stderr } = check(folder)
      expect(status).toBe(1)
      expect(stderr).toContain('docs/reference/metrics.md does not match the sources')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('error codes', () => {
  const advised = Object.values(ADVICE).flatMap((group) => Object.keys(group))

  it('each have one line on what to do, in scripts/reference/error-advice.ts', async () => {
    const codes = (await collectErrorCodes('.')).map(({ code }) => code)
    expect(codes.filter((code) => !advised.includes(code))).toEqual([])
  })

  it('that nothing throws any more are not described', async () => {
    const codes = (await collectErrorCodes('.')).map(({ code }) => code)
    expect(advised.filter((code) => !codes.includes(code))).toEqual([])
  })

  it('are described once', () => {
    expect(advised.filter((code, i) => advised.indexOf(code) !== i)).toEqual([])
  })

  it('are described as the fault of the service exactly where a caller never sees their message', async () => {
    const internal = new Set(Object.keys(ADVICE.internal))
    const hidden = (await collectErrorCodes('.')).filter(({ kinds }) => kinds.join() === 'internal')
    const faces = Object.keys(ADVICE.faces)
    expect(hidden.map(({ code }) => code).filter((code) => !internal.has(code) && !faces.includes(code))).toEqual([])
  })

  it.each([
    ["fail('conflict', 'PLANTED', 'words')", ['PLANTED']],
    ["fail(big ? 'too_large' : 'invalid', big ? 'FIRST' : 'SECOND', words({ a: 1 }, 2))", ['FIRST', 'SECOND']],
    ["fail(\n  'invalid',\n  'OVER_LINES',\n  'words',\n)", ['OVER_LINES']],
    ["invalid('request', [{ field: 'a, b', message: ')' }])", ['VALIDATION_ERROR']],
    ["invalid('request', errors, 'OTHER_CODE')", ['OTHER_CODE']],
    ["notFound('training job', id)", ['TRAINING_JOB_NOT_FOUND']],
    ["// fail('conflict', 'IN_A_COMMENT', 'words')", []],
    ["engine.fail(queue, 'NOT_OURS')", []],
  ])('are found in %s', (source, codes) => {
    expect(codesOf(`${IMPORT}${source}`, 'src/planted.ts').map(({ code }) => code)).toEqual(codes)
  })

  it('put together at run time are refused', () => {
    const source = `${IMPORT}throw fail('conflict', prefix + name, 'words')`
    expect(() => codesOf(source, 'src/planted.ts')).toThrow(
      "src/planted.ts: the code of fail('conflict', prefix + name, …)",
    )
  })
})
