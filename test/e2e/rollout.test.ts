// A canary on a service that is killed: what was decided is still so afterwards.
import { expect, it } from 'vitest'
import { addModel } from '../runtime-models.ts'
import { makePlace } from './place.ts'
import { startService, until, untilHealthy } from './processes.ts'

it('a canary survives kill -9 with its share, its keys and its counts', async () => {
  await using place = await makePlace()
  const first = await startService(place.settings)
  await untilHealthy(first)
  const { id: model_id } = await first.client.models.create({ name: 'adder', type: 'regression' })
  for (const [version, amount] of [
    ['1.0.0', 1],
    ['1.1.0', 2],
  ] as const)
    await first.client.versions.import({ model_id, file: addModel(amount), version })
  await first.client.models.deploy({ model_id, version: '1.0.0' })
  const strategy = { type: 'canary', percent: 40, sticky_by: 'x' } as const
  await first.client.models.deploy({ model_id, version: '1.1.0', strategy })
  const movedKeys = async ({ client }: typeof first) => {
    const keys = Array.from({ length: 30 }, (_, x) => x)
    const ask = async (x: number) => (await client.models.predict({ model_id, input_data: { x } })).version
    const versions = await Promise.all(keys.map(ask))
    return keys.filter((x) => versions[x] === '1.1.0')
  }
  const report = ({ client }: typeof first) => client.rollouts.get({ model_id, environment: 'production' })
  const counted = async (service: typeof first) => {
    const { champion, challenger } = await report(service)
    return champion.requests + challenger.requests
  }
  const moved = await movedKeys(first)
  await until(async () => (await counted(first)) === 30, { what: 'the counts' })
  const before = await report(first)
  await first.kill('SIGKILL')
  await using second = await startService(place.settings)
  await untilHealthy(second)
  await until(
    async () =>
      (await report(second)).replicas.some(({ replica, ready }) => ready && replica !== before.replicas[0]!.replica),
    {
      what: 'the version to be loaded again',
    },
  )
  expect(await movedKeys(second)).toEqual(moved)
  await until(async () => (await counted(second)) === 60, { what: 'the counts of both processes' })
  expect(await report(second)).toMatchObject({ id: before.id, state: 'running', stage: 1, strategy: before.strategy })
  await second.client.models.rollback({ model_id })
  expect(await movedKeys(second)).toEqual([])
})
