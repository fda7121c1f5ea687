// Who is let into the queue. Time is a number here and the worker a stand-in that takes exactly as long as it is told, so that
// every wait is known beforehand; between two calls of `advance` nothing happens.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pause } from '../core/backoff.ts'
import { MlError } from '../core/failure.ts'
import { silentLog } from '../core/log.ts'
import { Areas } from './areas.ts'
import { openRuntime } from './index.ts'
import { openArea, readTensors } from './packet.ts'
import { AREA_BYTES, readRequest, requestWords } from './protocol.ts'
import type { StartThread } from './thread.ts'
import type { LoadedModel, ModelInfo, PooledResult, RunOptions, RuntimeOptions } from './types.ts'

const X = { name: 'x', type: 'float32', dims: [null] } as const
const infoOf = (perRow: boolean): ModelInfo => {
  return { inputs: [X], outputs: [X], otherOutputs: [], loadMs: 0, bytes: 1, provider: 'cpu', perRow }
}

interface Stage {
  readonly options?: Partial<RuntimeOptions>
  readonly perRow?: boolean
  /** Of a batch, by the number of its model in order of loading. */
  readonly msOf: (rows: number, model: number) => number
  /** Whether a run of so many rows fails; default: none does. */
  readonly fails?: (rows: number) => boolean
  /** Processor time of a run that took so long; default: all of it. */
  readonly busyOf?: (runMs: number) => number
}

/** A runtime over workers that answer what they are asked, `msOf` later. */
function stage({ options, perRow = true, msOf, fails = () => false, busyOf = (ms) => ms }: Stage) {
  let now = 0
  const due: { readonly at: number; readonly answer: () => void }[] = []
  let busyMs = 0
  const start: StartThread = (_gpu, events) => {
    const requests = new Areas(new SharedArrayBuffer(AREA_BYTES))
    queueMicrotask(() => events.message({ op: 'ready', gpu: false, gpuError: null }))
    return {
      areaFor: (bytes) => requests.of(bytes),
      answer: openArea(new SharedArrayBuffer(AREA_BYTES)),
      send(order) {
        if (order.op === 'load') queueMicrotask(() => events.message({ op: 'loaded', info: infoOf(perRow) }))
      },
      run(area) {
        const { model, fetches } = readRequest(area, 0)
        const outputs = readTensors(area, requestWords(fetches), { infos: [X], values: 'copy' })
        const rows = outputs[0]!.dims[0]!
        const runMs = msOf(rows, model)
        busyMs += runMs
        const message = fails(rows)
          ? ({ op: 'failed', failure: { kind: 'invalid', code: 'MODEL_RUN_FAILED', message: 'no' } } as const)
          : ({ op: 'answer', outputs, runMs, busyMs: busyOf(runMs) } as const)
        due.push({ at: now + runMs, answer: () => events.message(message) })
        due.sort((a, b) => a.at - b.at)
      },
      end: () => queueMicrotask(() => events.exit(null)),
    }
  }
  const clock = { now: () => new Date(now), elapsedMs: () => now }
  const runtime = openRuntime({
    ...{ workers: 1, maxQueue: 100_000, enableGpu: false, log: silentLog, runTimeoutMs: 1_000_000 },
    ...options,
    ...{ start, clock, atTurnsEnd: (work: () => void) => work() },
  })
  return {
    runtime,
    load: (key: string) => runtime.load({ key, bytes: Buffer.of(1) }),
    busyMs: () => busyMs,
    /** Everything that is due in the next `ms`, in order. */
    advance(ms: number) {
      const end = now + ms
      while (due.length > 0 && due[0]!.at <= end) {
        const { at, answer } = due.shift()!
        now = at
        answer()
      }
      now = end
    },
    /** Everything that waits, however long it takes. */
    finish() {
      for (let first = due.shift(); first; first = due.shift()) {
        now = Math.max(now, first.at)
        first.answer()
      }
    },
    [Symbol.asyncDispose]: () => runtime.close(),
  }
}

type Outcome = PooledResult | MlError

/** Its outcome, whichever it is. */
function ask(model: LoadedModel, options: RunOptions & { readonly rows?: number } = {}): Promise<Outcome> {
  const { rows = 1, ...rest } = options
  const x = { type: 'float32', dims: [rows], data: new Float32Array(rows) } as const
  return model.run({ x }, rest).catch((error: MlError) => error)
}

const many = (count: number, one: () => Promise<Outcome>) => Array.from({ length: count }, one)
const refused = (outcomes: readonly Outcome[]) => outcomes.filter((one) => one instanceof MlError).length
const answersOf = (outcomes: readonly Outcome[]) =>
  outcomes.filter((one): one is PooledResult => !(one instanceof MlError))

/** So that the pace of a rush is known. */
function rush(scene: ReturnType<typeof stage>, model: LoadedModel, options: RunOptions = {}): Promise<Outcome>[] {
  const asked = many(32 * 5 + 1, () => ask(model, options))
  scene.advance(0)
  return asked
}

/** A full batch takes 10 ms. */
const TEN = { msOf: (rows: number) => (rows * 10) / 32, options: { batchRows: 32 } }

describe('a queue whose wait is longer than anybody’s patience', () => {
  it('refuses nobody while no pace is known', async () => {
    await using scene = stage({ msOf: () => 1000 })
    const model = await scene.load('a')
    const asked = many(2000, () => ask(model))
    scene.finish()
    expect(refused(await Promise.all(asked))).toBe(0)
  })

  it('refuses at once, and says when to come again', async () => {
    await using scene = stage(TEN)
    const model = await scene.load('a')
    const first = rush(scene, model)
    scene.advance(40)
    // 500 ms are 50 batches of 32.
    const more = many(3000, () => ask(model))
    const last = await ask(model)
    expect(last).toMatchObject({ kind: 'unavailable', code: 'OVERLOADED', retryAfterSeconds: 1 })
    scene.finish()
    const outcomes = await Promise.all([...first, ...more])
    const answered = answersOf(outcomes)
    expect(answered.length).toBeGreaterThan(1500)
    expect(answered.length).toBeLessThan(1800)
    expect(Math.max(...answered.map(({ queueMs }) => queueMs))).toBeLessThan(550)
  })

  it('knows before a run is made that it would be refused, but has some of them made all the same', async () => {
    await using scene = stage(TEN)
    const model = await scene.load('a')
    expect(model.refusedWaitMs!('')).toBeUndefined()
    const first = rush(scene, model)
    scene.advance(40)
    expect(model.refusedWaitMs!('')).toBeUndefined()
    const more = many(3000, () => ask(model))
    const said = Array.from({ length: 64 }, () => model.refusedWaitMs!(''))
    expect(said.filter((waitMs) => waitMs === undefined)).toHaveLength(4)
    expect(Math.min(...said.map((waitMs) => waitMs ?? Number.POSITIVE_INFINITY))).toBeGreaterThan(500)
    expect(await ask(model)).toMatchObject({ code: 'OVERLOADED' })
    // Another tenant has its own share, and would be let in.
    expect(model.refusedWaitMs!('other')).toBeUndefined()
    scene.finish()
    expect(model.refusedWaitMs!('')).toBeUndefined()
    await Promise.all([...first, ...more])
  })

  it('says nothing beforehand where runs come with a priority of their own', async () => {
    await using scene = stage(TEN)
    const model = await scene.load('a')
    const first = rush(scene, model)
    scene.advance(40)
    const more = many(3000, () => ask(model))
    expect(model.refusedWaitMs!('')).toBeGreaterThan(500)
    // Batch jobs go behind requests, and wish nothing for them.
    const inBackground = ask(model, { priority: 3, patience: 'until the deadline' })
    expect(model.refusedWaitMs!('')).toBeGreaterThan(500)
    // Nobody is let in for being patient.
    expect(await ask(model, { timeoutMs: 20_000 })).toMatchObject({ code: 'OVERLOADED' })
    expect(model.refusedWaitMs!('')).toBeGreaterThan(500)
    const wished = ask(model, { priority: 1 })
    expect(model.refusedWaitMs!('')).toBeUndefined()
    scene.finish()
    await Promise.all([...first, ...more, inBackground, wished])
  })

  it('refuses what would miss its own deadline, and lets in what would not', async () => {
    await using scene = stage(TEN)
    const model = await scene.load('a')
    const first = rush(scene, model)
    scene.advance(41)
    const waiting = many(32 * 10, () => ask(model))
    expect(await ask(model, { timeoutMs: 100 })).toMatchObject({ code: 'OVERLOADED' })
    const patient = ask(model, { timeoutMs: 200 })
    scene.finish()
    expect(refused(await Promise.all([...first, ...waiting, patient]))).toBe(0)
  })

  it('lets in again as soon as the wait is short', async () => {
    await using scene = stage(TEN)
    const model = await scene.load('a')
    const first = rush(scene, model)
    scene.advance(40)
    const more = many(3000, () => ask(model))
    expect(await ask(model)).toBeInstanceOf(MlError)
    scene.advance(20)
    const next = ask(model)
    scene.finish()
    expect(await next).not.toBeInstanceOf(MlError)
    await Promise.all([...first, ...more])
  })

  it('believes a model that has become faster, during a rush and after one', async () => {
    let ms = 200
    await using scene = stage({ msOf: () => ms, perRow: false })
    const model = await scene.load('a')
    const slow = many(6, () => ask(model))
    scene.advance(800)
    expect(await ask(model, { timeoutMs: 500 })).toMatchObject({ code: 'OVERLOADED' })
    ms = 1
    scene.advance(250)
    for (let round = 0; round < 30; round++) {
      slow.push(...many(3, () => ask(model)))
      scene.advance(3)
    }
    const during = many(400, () => ask(model, { timeoutMs: 500 }))
    scene.finish()
    expect(refused(await Promise.all([...slow, ...during]))).toBe(0)
    ms = 200
    const again = many(6, () => ask(model))
    scene.finish()
    ms = 1
    scene.advance(11_000)
    const after = many(5000, () => ask(model))
    scene.finish()
    expect(refused(await Promise.all([...again, ...after]))).toBe(0)
  })

  it('does not take one stall for a slow model', async () => {
    let stalled = false
    const msOf = (rows: number) => (stalled ? 400 : rows / 8)
    await using scene = stage({ msOf, options: { batchRows: 32 } })
    const model = await scene.load('a')
    const first = rush(scene, model)
    scene.advance(12)
    stalled = true
    const meanwhile = many(32 * 20, () => ask(model))
    scene.advance(4)
    stalled = false
    scene.advance(400)
    const then = many(32 * 20, () => ask(model))
    scene.finish()
    expect(refused(await Promise.all([...first, ...meanwhile, ...then]))).toBe(0)
  })

  it('lets a few wait for a slow model, however long that takes', async () => {
    await using scene = stage({ msOf: () => 1000, perRow: false, options: { runTimeoutMs: 60_000 } })
    const model = await scene.load('a')
    const first = many(5, () => ask(model))
    scene.advance(4000)
    const then = many(12, () => ask(model))
    scene.finish()
    expect(refused(await Promise.all(first))).toBe(0)
    expect(refused(await Promise.all(then))).toBe(3)
  })

  it('counts requests where rows cannot be run together', async () => {
    await using scene = stage({ msOf: () => 10, perRow: false })
    const model = await scene.load('a')
    const first = many(10, () => ask(model, { rows: 50 }))
    scene.advance(50)
    const then = many(100, () => ask(model, { rows: 50 }))
    scene.finish()
    expect(refused(await Promise.all(first))).toBe(0)
    const answered = 100 - refused(await Promise.all(then))
    expect([answered > 40, answered < 60]).toEqual([true, true])
  })

  it('shares the wait among the workers that have the model', async () => {
    await using scene = stage({ msOf: () => 10, perRow: false, options: { workers: 4 } })
    const model = await scene.load('a')
    const first = many(100, () => ask(model))
    for (let i = 0; i < 20; i++) {
      await new Promise(setImmediate)
      scene.advance(10)
    }
    const then = many(400, () => ask(model))
    scene.finish()
    await Promise.all(first)
    const answered = 400 - refused(await Promise.all(then))
    // One worker alone would take 50.
    expect([answered > 150, answered < 230]).toEqual([true, true])
  })
})

describe('in a rush', () => {
  it('another tenant is let in, and so is who goes first', async () => {
    await using scene = stage(TEN)
    const model = await scene.load('a')
    const first = rush(scene, model, { tenant: 'flood' })
    scene.advance(40)
    const flood = many(3000, () => ask(model, { tenant: 'flood' }))
    const other = ask(model, { tenant: 'other' })
    const urgent = ask(model, { tenant: 'flood', priority: 1 })
    const late = ask(model, { tenant: 'flood', priority: 3 })
    scene.finish()
    expect(await other).toMatchObject({ batchRows: expect.any(Number) })
    expect(((await other) as PooledResult).queueMs).toBeLessThan(50)
    expect(((await urgent) as PooledResult).queueMs).toBeLessThan(50)
    expect(await late).toMatchObject({ code: 'OVERLOADED' })
    await Promise.all([...first, ...flood])
  })

  it('work in the background waits for its turn, also when the queue is full', async () => {
    await using scene = stage({ ...TEN, options: { batchRows: 32, maxQueue: 100 } })
    const model = await scene.load('a')
    const background = { tenant: 'a', priority: 3, patience: 'until the deadline' } as const
    const first = many(101, () => ask(model, { tenant: 'a' }))
    const waiting = many(3, () => ask(model, background))
    const others = many(60, () => ask(model, { tenant: 'b' }))
    scene.finish()
    expect(refused(await Promise.all(waiting))).toBe(0)
    expect(refused(await Promise.all([...first, ...others]))).toBeGreaterThan(0)
  })
})

describe('whatever comes', () => {
  const tenant = fc.record({
    model: fc.nat(2),
    rows: fc.integer({ min: 1, max: 40 }),
    /** Rows a second, as a multiple of what one worker can do of its model alone. */
    rate: fc.double({ min: 0.5, max: 4, noNaN: true }),
  })
  const scene = fc.record({
    tenants: fc.array(tenant, { minLength: 2, maxLength: 5 }),
    rowMs: fc.array(fc.double({ min: 1, max: 3, noNaN: true }), { minLength: 3, maxLength: 3 }),
    batchMs: fc.double({ min: 0, max: 5, noNaN: true }),
  })
  const SECONDS = 2

  it('the workers stay at work and who asks for little gets it', async () => {
    const property = fc.asyncProperty(scene, async ({ tenants, rowMs, batchMs }) => {
      const msOf = (rows: number, model: number) => batchMs + rows * rowMs[model]!
      await using one = stage({ msOf, options: { batchRows: 32 } })
      const models = [await one.load('a'), await one.load('b'), await one.load('c')]
      const ASKED_MS = 10
      const owed = tenants.map(() => 0)
      const flood: Promise<Outcome>[] = []
      const light: Promise<Outcome>[] = []
      // The light one asks for a tenth of what would be its share.
      const lightEvery = Math.ceil(((tenants.length + 1) * 10 * msOf(1, 0)) / ASKED_MS) * ASKED_MS
      for (let ms = 0; ms < SECONDS * 1000; ms += ASKED_MS) {
        for (const [i, { model, rows, rate }] of tenants.entries()) {
          owed[i]! += (rate * ASKED_MS) / msOf(rows, model)
          for (; owed[i]! >= 1; owed[i]!--) {
            const asked = ask(models[model]!, { tenant: `t${i}`, rows })
            flood.push(asked)
          }
        }
        if (ms % lightEvery === 0) light.push(ask(models[0]!, { tenant: 'light' }))
        one.advance(ASKED_MS)
      }
      const busy = one.busyMs() / (SECONDS * 1000)
      const offered = tenants.reduce((sum, { rate }) => sum + rate, 0)
      if (offered > 3) expect(busy).toBeGreaterThan(0.9)
      one.finish()
      expect(refused(await Promise.all(light))).toBe(0)
      await Promise.all(flood)
    })
    await fc.assert(property, { numRuns: 15, endOnFailure: true })
  }, 60_000)
})

it('shares the time of a worker by what runs take, not by their number', async () => {
  await using scene = stage({ perRow: false, options: { maxWaitMs: 1_000_000 }, msOf: (rows) => rows })
  const model = await scene.load('a')
  let answered = 0
  const large = many(50, () => ask(model, { tenant: 'large', rows: 100 }))
  const small = many(400, () => ask(model, { tenant: 'small' }).finally(() => answered++))
  scene.advance(1000)
  await Promise.resolve()
  await new Promise(setImmediate)
  expect(answered).toBeGreaterThan(350)
  scene.finish()
  expect(refused(await Promise.all([...large, ...small]))).toBe(0)
})

describe('of models of one tenant, a worker runs', () => {
  /** In which order a run of `a`, which has had its worker once, and a younger one of `b` are answered. */
  async function orderWith(had: Pick<Stage, 'msOf' | 'busyOf'>): Promise<string[]> {
    await using scene = stage({ ...had, options: { batchRows: 1 } })
    const [a, b, first, last] = await Promise.all(['a', 'b', 'first', 'last'].map(scene.load))
    const order: string[] = []
    const asked = [ask(first!), ask(a!), ask(last!)]
    scene.advance(2 * had.msOf(1, 0))
    asked.push(ask(a!).finally(() => order.push('a')))
    scene.advance(0.1)
    asked.push(ask(b!).finally(() => order.push('b')))
    scene.finish()
    expect(refused(await Promise.all(asked))).toBe(0)
    return order
  }

  it('what had less of it first', async () => {
    expect(await orderWith({ msOf: () => 100 })).toEqual(['b', 'a'])
  })

  it('what waits longest, where one had little more than the other', async () => {
    expect(await orderWith({ msOf: () => 1.5 })).toEqual(['a', 'b'])
  })

  it('what waits longest, where one had more only because its worker waited for a processor', async () => {
    expect(await orderWith({ msOf: () => 100, busyOf: () => 0.1 })).toEqual(['a', 'b'])
  })
})

describe('requests that failed together', () => {
  const FOUR = { msOf: () => 4 }
  const queueMs = async (asked: Promise<Outcome>) => answersOf([await asked])[0]!.queueMs

  it('are run again by whoever has nothing to do', async () => {
    await using scene = stage({ ...FOUR, fails: (rows) => rows > 1, options: { workers: 2 } })
    const model = await scene.load('a')
    const first = ask(model)
    scene.advance(2)
    // Brings the second worker to load the model.
    const second = ask(model)
    await pause(0)
    const together = [ask(model), ask(model)]
    scene.advance(20)
    await Promise.all([first, second])
    // Handed over at 4 and failed at 8, when the second worker had been idle for two.
    expect(await Promise.all(together.map(queueMs))).toEqual([6, 6])
  })

  it('wait behind what is more urgent', async () => {
    let failed = false
    const fails = (rows: number) => {
      const now = rows > 1 && !failed
      failed ||= now
      return now
    }
    await using scene = stage({ ...FOUR, fails, options: { batchRows: 2 } })
    const model = await scene.load('a')
    const all = many(3, () => ask(model))
    scene.advance(5)
    const urgent = many(3, () => ask(model, { priority: 1 }))
    scene.advance(40)
    expect(await Promise.all(urgent.map(queueMs))).toEqual([3, 3, 7])
    expect(refused(await Promise.all(all))).toBe(0)
  })
})
