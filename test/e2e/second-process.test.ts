// The embedded database belongs to one process: a second one is told so, and the next one need not wait for a dead one.
import { expect, it } from 'vitest'
import { flowers } from './flowers.ts'
import { makePlace } from './place.ts'
import { startProgram, startService, untilHealthy } from './processes.ts'

it('refuses a second process on the folder with exit code 2 and says what to do', async () => {
  await using place = await makePlace()
  await using first = await startService(place.settings)
  await untilHealthy(first)
  await using second = startProgram(['serve'], { SERVICE_PORT: '0', ...place.settings })
  expect(await second.exited).toEqual({ code: 2, signal: null })
  expect(second.output()).toContain(
    `${place.settings.DATA_DIR} is in use by process ${first.pid}, listening on ${first.url}. Stop that process, ` +
      'set DATA_DIR to another folder, or set DATABASE_URL to a PostgreSQL server, which any number of processes can share.',
  )
  expect((await first.client.health()).status).toBe('healthy')
})

it('lets exactly one of two that start at once have the folder', async () => {
  await using place = await makePlace()
  const settings = { SERVICE_PORT: '0', ...place.settings }
  const both = [startProgram(['serve'], settings), startProgram(['serve'], settings)]
  await using _first = both[0]!
  await using _second = both[1]!
  const listening = await Promise.allSettled(both.map((program) => program.says(/^Modelyard listens on/)))
  expect(listening.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  const loser = both[listening.findIndex(({ status }) => status === 'rejected')]!
  expect(await loser.exited).toEqual({ code: 2, signal: null })
})

it('starts at once on the folder of a process that was killed, with all that it held', async () => {
  await using place = await makePlace()
  await using first = await startService(place.settings)
  await untilHealthy(first)
  const { id, sha256 } = await first.client.datasets.create({ file: flowers(1), filename: 'flowers.csv' })
  await first.kill()
  await using second = await startService(place.settings)
  await untilHealthy(second)
  expect(await second.client.datasets.get({ dataset_id: id })).toMatchObject({ sha256 })
})
