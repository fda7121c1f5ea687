import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'

const ends = new URL('./end-process.ts', import.meta.url).href
const program = `import { endProcess } from '${ends}'; setInterval(() => {}, 1000); endProcess()`
const run = (command: string, args: readonly string[]) =>
  spawnSync(command, [...args, process.execPath, '--input-type=module', '--eval', program], {
    timeout: 10_000,
    killSignal: 'SIGKILL',
  })
const apart = ['--pid', '--fork', '--kill-child']
const mayBeFirst = spawnSync('unshare', [...apart, 'true']).status === 0

it('ends a process that would go on', () => {
  expect(run('env', []).signal).toBe('SIGKILL')
})

it.skipIf(!mayBeFirst)('ends the first process of a container as well', () => {
  const { error, status, signal } = run('unshare', apart)
  expect(error).toBeUndefined()
  expect(status !== 0 || signal !== null).toBe(true)
})
