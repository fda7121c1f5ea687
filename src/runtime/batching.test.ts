// Requests that run together: that everybody gets exactly their rows whatever happens to their neighbours, who is batched
// at all, and who goes first. Real workers and real models; the queue's order is tried without them.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openRuntimes } from '../../test/open-runtimes.ts'
import { addModel, lookupModel, loopFeeds, loopModel, meanModel } from '../../test/runtime-models.ts'
import { pause } from '../core/backoff.ts'
import type { LoadedModel, Runtime } from './index.ts'

const { start, threads } = openRuntimes({ workers: 1, maxQueue: 10_000 })

const ids = (...values: number[]) =>
  ({ id: { type: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) } }) as const
const xs = (value: number) => ({ x: { type: 'float32', dims: [1], data: Float32Array.of(value) } }) as const
const TABLE = 10

/** Occupies the only worker for some milliseconds, so that what comes next waits. */
async function occupied(runtime: Runtime): Promise<() => Promise<unknown>> {
  const model = await runtime.load({ key: 'loop', bytes: loopModel() })
  return () => model.run(loopFeeds(20_000))
}

describe('a rush in one turn of the event loop', () => {
  it('keeps the worker at work, though nothing it says can be heard before the turn is over', async () => {
    const runtime = start({ batchRows: 4, maxWaitMs: 60_000 })
    const model = await runtime.load({ key: 'add', bytes: addModel(1) })
    const runs: ReturnType<LoadedModel['run']>[] = []
    // One job in hand and the rest in the queue, until the worker is heard in between.
    while (runs.length < 10_000 && runs.length - runtime.status().queued < 40) runs.push(model.run(xs(runs.length)))
    expect(runs.length).toBeLessThan(10_000)
    const answers = await Promise.all(runs)
    expect(answers.map(({ outputs }) => outputs.y!.data[0])).toEqual(runs.map((_, i) => i + 1))
  })
})

describe('requests that wait for the same worker', () => {
  it('are run together, up to the limit of rows', async () => {
    const runtime = start({ batchRows: 4 })
    const occupy = await occupied(runtime)
    const model = await runtime.load({ key: 'lookup', bytes: lookupModel(TABLE) })
    const busy = occupy()
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map((id) => model.run(ids(id))))
    await busy
    expect(answers.map(({ outputs }) => outputs.y!.data[0])).toEqual([10, 20, 30, 40, 50, 60])
    expect(answers.map(({ batchRows }) => batchRows)).toEqual([4, 4, 4, 4, 2, 2])
    expect(answers.filter(({ leads }) => leads)).toHaveLength(2)
  })

  it('run one by one where batching is off', async () => {
    const runtime = start({ batchRows: 1 })
    const occupy = await occupied(runtime)
    const model = await runtime.load({ key: 'lookup', bytes: lookupModel(TABLE) })
    void occupy()
    const answers = await Promise.all([1, 2].map((id) => model.run(ids(id))))
    expect(answers.map(({ batchRows }) => batchRows)).toEqual([1, 1])
  })

  it('run one by one where the graph looks along the rows', async () => {
    const runtime = start()
    const occupy = await occupied(runtime)
    const model = await runtime.load({ key: 'mean', bytes: meanModel() })
    expect(model.info.perRow).toBe(false)
    void occupy()
    const x = (value: number) =>
      ({ x: { type: 'float32', dims: [1, 2], data: Float32Array.of(value, value) } }) as const
    const answers = await Promise.all([1, 2, 3].map((value) => model.run(x(value))))
    expect(answers.map(({ outputs }) => [...outputs.y!.data])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ])
  })

  it('each get exactly their rows, whatever happens to the others', async () => {
    const runtime = start({ batchRows: 16 })
    const model = await runtime.load({ key: 'lookup', bytes: lookupModel(TABLE) })
    const other = await runtime.load({ key: 'add', bytes: addModel(1) })
    const call = fc.record({
      rows: fc.array(fc.integer({ min: 0, max: TABLE - 1 }), { maxLength: 6 }),
      tenant: fc.constantFrom('a', 'b'),
      fate: fc.oneof(
        { weight: 8, arbitrary: fc.constant('served' as const) },
        { weight: 1, arbitrary: fc.constant('poison' as const) },
        { weight: 1, arbitrary: fc.constant('leaves' as const) },
        { weight: 1, arbitrary: fc.constant('elsewhere' as const) },
      ),
      late: fc.boolean(),
    })
    const scene = fc.record({ calls: fc.array(call, { maxLength: 40 }), killed: fc.nat(4).map((n) => n === 0) })
    const property = fc.asyncProperty(scene, async ({ calls, killed }) => {
      if (killed) void threads[0]?.terminate()
      await Promise.all(calls.map((one) => (one.fate === 'elsewhere' ? adds(other, one) : looksUp(model, one))))
      await settled(runtime)
    })
    await fc.assert(property, { numRuns: 50 })
  }, 60_000)
})

interface Call {
  readonly rows: readonly number[]
  readonly tenant: string
  readonly fate: 'served' | 'poison' | 'leaves' | 'elsewhere'
  readonly late: boolean
}

async function looksUp(model: LoadedModel, { rows, tenant, fate, late }: Call): Promise<void> {
  if (late) await pause(0)
  const wanted = fate === 'poison' ? [...rows, TABLE + 5] : rows
  let asked = 0
  const gone = () => fate === 'leaves' && ++asked > 1
  const answer = model.run(ids(...wanted), { tenant, gone })
  if (fate === 'poison') {
    await expect(answer).rejects.toMatchObject({ code: 'MODEL_RUN_FAILED' })
    return
  }
  const outcome = await answer.catch((error: { code: string }) => error)
  if (fate === 'leaves' && 'code' in outcome) expect(outcome.code).toBe('INFERENCE_ABORTED')
  else if ('code' in outcome) throw outcome
  else expect([...outcome.outputs.y!.data]).toEqual(rows.map((row) => row * 10))
}

async function adds(model: LoadedModel, { rows, tenant }: Call): Promise<void> {
  const x = { type: 'float32', dims: [rows.length], data: Float32Array.from(rows) } as const
  const { outputs } = await model.run({ x }, { tenant })
  expect([...outputs.y!.data]).toEqual(rows.map((row) => row + 1))
}

async function settled(runtime: Runtime): Promise<void> {
  while (runtime.status().busy > 0 || runtime.status().models.some(({ workers }) => workers === 0)) await pause(2)
}

describe('who goes first', () => {
  /** In which order the answers come when all wait for one worker. */
  async function order(calls: readonly { name: string; tenant: string; priority?: number }[]): Promise<string[]> {
    const runtime = start({ batchRows: 1 })
    const occupy = await occupied(runtime)
    const model = await runtime.load({ key: 'lookup', bytes: lookupModel(TABLE) })
    await model.run(ids(1))
    const busy = occupy()
    const answered: string[] = []
    await Promise.all(
      calls.map(async ({ name, ...options }) => {
        await model.run(ids(1), options)
        answered.push(name)
      }),
    )
    await busy
    return answered
  }

  it('is the tenant that had less of the worker', async () => {
    const many = Array.from({ length: 20 }, (_, i) => ({ name: `many ${i}`, tenant: 'many' }))
    const answered = await order([...many, { name: 'one', tenant: 'one' }])
    expect(answered.indexOf('one')).toBeLessThan(3)
  })

  it('is priority 1 among one tenant’s own', async () => {
    const normal = Array.from({ length: 5 }, (_, i) => ({ name: `normal ${i}`, tenant: 'a' }))
    const answered = await order([...normal, { name: 'urgent', tenant: 'a', priority: 1 }])
    expect(answered[0]).toBe('urgent')
  })

  it('makes room in a full queue at the cost of the tenant that fills it', async () => {
    const runtime = start({ maxQueue: 4 })
    const occupy = await occupied(runtime)
    const model = await runtime.load({ key: 'lookup', bytes: lookupModel(TABLE) })
    void occupy()
    const flood = Array.from({ length: 4 }, () => model.run(ids(1), { tenant: 'flood' }))
    const other = model.run(ids(2), { tenant: 'other' })
    const outcomes = await Promise.allSettled(flood)
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
    expect((await other).outputs.y!.data[0]).toBe(20)
  })
})

describe('a caller’s patience', () => {
  it('ends the wait, not the worker', async () => {
    const runtime = start()
    const occupy = await occupied(runtime)
    const model = await runtime.load({ key: 'lookup', bytes: lookupModel(TABLE) })
    const busy = occupy()
    await expect(model.run(ids(1), { timeoutMs: 1 })).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' })
    await busy
    expect(runtime.status()).toMatchObject({ replaced: 0, abandoned: 0 })
  })
})
