// What runs models inside a worker, be it a thread (worker.ts) or a process of its own (process.ts): sessions by number, one
// run at a time. It keeps no queue of its own, so whatever is lost with it is the one run in hand.
import { fail } from '../core/failure.ts'
import { Areas } from './areas.ts'
import { toMessage } from './engine-failure.ts'
import { orderFeeds } from './feeds.ts'
import { type Area, openArea, packetBytes, readTensors, writeTensors } from './packet.ts'
import { probeGpu } from './probe.ts'
import { rowsAreIndependent } from './probe-rows.ts'
import {
  ANSWER_WORDS,
  begin,
  END,
  type FromWorker,
  IN_AREA,
  IN_LAST_AREA,
  KEPT_AREA_BYTES,
  type LoadOrder,
  nextOf,
  OUTCOME,
  readRequest,
  requestWords,
  type ToWorker,
  type WorkerSetup,
  writeAnswer,
} from './protocol.ts'
import { openSession, type Session, type SessionResult } from './session.ts'
import type { Tensor } from './types.ts'

export interface WorkerPort {
  send(message: Exclude<FromWorker, typeof IN_AREA>, transfer?: readonly ArrayBuffer[]): void
  /** The answer lies in the first `bytes` of the area. */
  answered(area: Area, bytes: number): void
  /** How answers travel that the usual area does not hold. */
  readonly largeAnswers: 'as a message' | 'in an area'
  /** There is nothing left to wait for. */
  close(): void
}

/** Outputs this large are handed over instead of copied. */
const TRANSFER_BYTES = 16 * 1024

/** Says `ready` by itself; then call the function that comes back with every order, in turn. */
export function runOrders(setup: WorkerSetup, port: WorkerPort): (order: ToWorker) => Promise<void> {
  const request = openArea(setup.request)
  const answers = new Areas(setup.answer)
  const sessions = new Map<number, Session>()
  let last = request
  let { gpu } = setup
  let inHand = 0
  let ending = false
  void start()

  async function start(): Promise<void> {
    const found = gpu === 'try' ? await probeGpu() : { gpu: false, gpuError: null }
    if (!found.gpu) gpu = 'off'
    port.send({ op: 'ready', ...found })
  }

  return async (order) => {
    if (order === END) ending = true
    else await carryOut(order)
    if (ending && inHand === 0) port.close()
  }

  async function carryOut(order: Exclude<ToWorker, typeof END>): Promise<void> {
    inHand++
    try {
      await handle(order)
    } catch (error) {
      port.send({ op: 'failed', failure: toMessage(error) })
    } finally {
      inHand--
    }
  }

  async function handle(order: Exclude<ToWorker, typeof END>): Promise<void> {
    if (order === IN_AREA) return run(request)
    if (order === IN_LAST_AREA) return run(last)
    if (order instanceof SharedArrayBuffer) {
      const area = order === last.buffer ? last : openArea(order)
      if (order.byteLength <= KEPT_AREA_BYTES) last = area
      return run(area)
    }
    if (order.op === 'load') return load(order)
    const session = sessions.get(order.model)
    sessions.delete(order.model)
    // Nobody waits for this, and a failure here must not pass for that of the run in hand.
    await session?.close().catch(() => undefined)
  }

  async function load({ model, source, warmUp, probe }: LoadOrder): Promise<void> {
    const session = await openSession(source, { gpu, threads: 1 })
    // The engine has made its own of the bytes; without this they would stay until the next garbage collection.
    if (source instanceof Uint8Array && source.buffer instanceof ArrayBuffer) source.buffer.transfer(0)
    try {
      if (warmUp !== undefined) await session.run(orderFeeds(session.info, warmUp), [])
    } catch (error) {
      await session.close()
      throw error
    }
    const perRow = probe && (await rowsAreIndependent(session))
    sessions.set(model, session)
    port.send({ op: 'loaded', info: { ...session.info, perRow } })
  }

  async function run(area: Area): Promise<void> {
    if (nextOf(area, 0) > 0) return runSeveral(area)
    const { outputs, runMs, busyMs } = await runOne(area, 0)
    const bytes = packetBytes(ANSWER_WORDS, [outputs])
    if (bytes > answers.usual.buffer.byteLength && port.largeAnswers === 'as a message') {
      port.send({ op: 'answer', outputs, runMs, busyMs }, transferable(outputs))
      return
    }
    const place = answers.of(bytes)
    writeAnswer(place, 0, { next: 0, outcome: OUTCOME.answered, runMs, busyMs })
    writeTensors(place, ANSWER_WORDS, [outputs])
    port.answered(place, bytes)
  }

  async function runOne(area: Area, at: number): Promise<SessionResult> {
    const { model, fetches } = readRequest(area, at)
    const session = sessions.get(model)
    if (session === undefined) throw fail('internal', 'INFERENCE_FAILED', 'The worker does not hold this model')
    const feeds = readTensors(area, at + requestWords(fetches), { infos: session.info.inputs, values: 'view' })
    return session.run(feeds, fetches)
  }

  /** Each gets at least the head of an answer. */
  async function runSeveral(area: Area): Promise<void> {
    const place = answers.usual
    const starts = startsOf(area)
    let word = 0
    for (let i = 0; i < starts.length; i++) {
      const at = starts[i]!
      const { outputs, ...times } = begin(area, at) ? await runOne(area, at).catch(() => NO_ANSWER) : NO_ANSWER
      const room = place.buffer.byteLength - 4 * ANSWER_WORDS * (starts.length - i)
      const end = packetBytes(word + ANSWER_WORDS, [outputs ?? []])
      const fits = end <= room
      const outcome = outputs === undefined ? OUTCOME.notAnswered : fits ? OUTCOME.answered : OUTCOME.tooLarge
      const next = outcome === OUTCOME.answered ? end / 4 : word + ANSWER_WORDS
      writeAnswer(place, word, { next: i + 1 < starts.length ? next : 0, outcome, ...times })
      if (outputs !== undefined && fits) writeTensors(place, word + ANSWER_WORDS, [outputs])
      word = next
    }
    port.answered(place, 4 * word)
  }
}

const NO_ANSWER = { outputs: undefined, runMs: 0, busyMs: 0 } as const

function startsOf(area: Area): number[] {
  const starts = [0]
  for (let next = nextOf(area, 0); next > 0; next = nextOf(area, next)) starts.push(next)
  return starts
}

function transferable(outputs: readonly Tensor[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  for (const { data } of outputs) {
    if (!ArrayBuffer.isView(data) || !(data.buffer instanceof ArrayBuffer)) continue
    if (data.byteLength >= TRANSFER_BYTES && data.byteLength === data.buffer.byteLength) buffers.add(data.buffer)
  }
  return [...buffers]
}
