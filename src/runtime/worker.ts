// The body of a worker thread: sessions by number, one run at a time. It keeps no queue of its own, so whatever is
// lost with it is the one run in hand.
import { parentPort, workerData } from 'node:worker_threads'
import { fail } from '../core/failure.ts'
import { toMessage } from './engine-failure.ts'
import { orderFeeds } from './feeds.ts'
import { type Area, openArea, packetBytes, readTensors, writeTensors } from './packet.ts'
import { probeGpu } from './probe.ts'
import { rowsAreIndependent } from './probe-rows.ts'
import {
  ANSWER_WORDS,
  END,
  type FromWorker,
  IN_AREA,
  type LoadOrder,
  readRequest,
  type ToWorker,
  type WorkerSetup,
} from './protocol.ts'
import { openSession, type Session } from './session.ts'
import type { Tensor } from './types.ts'

const port = parentPort
if (port === null) throw new Error('This file is the entry of a worker thread')
const setup = workerData as WorkerSetup
const request = openArea(setup.request)
const answer = openArea(setup.answer)
const sessions = new Map<number, Session>()
let gpu = setup.gpu

/** Outputs this large are handed over instead of copied. */
const TRANSFER_BYTES = 16 * 1024

let inHand = 0
let ending = false

port.on('message', async (order: ToWorker) => {
  if (order === END) ending = true
  else await carryOut(order)
  // With its port closed the thread has nothing left to wait for and ends by itself.
  if (ending && inHand === 0) port.close()
})

const found = gpu === 'try' ? await probeGpu() : { gpu: false, gpuError: null }
if (!found.gpu) gpu = 'off'
send({ op: 'ready', ...found })

function send(message: FromWorker, transfer?: readonly ArrayBuffer[]): void {
  port!.postMessage(message, transfer)
}

async function carryOut(order: Exclude<ToWorker, typeof END>): Promise<void> {
  inHand++
  try {
    await handle(order)
  } catch (error) {
    send({ op: 'failed', failure: toMessage(error) })
  } finally {
    inHand--
  }
}

async function handle(order: Exclude<ToWorker, typeof END>): Promise<void> {
  if (order === IN_AREA) return run(request)
  if (order instanceof SharedArrayBuffer) return run(openArea(order))
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
  send({ op: 'loaded', info: { ...session.info, perRow } })
}

async function run(area: Area): Promise<void> {
  const { model, fetches } = readRequest(area)
  const session = sessions.get(model)
  if (session === undefined) throw fail('internal', 'INFERENCE_FAILED', 'The worker does not hold this model')
  const feeds = readTensors(area, 2 + fetches.length, { infos: session.info.inputs, values: 'view' })
  const { outputs, runMs } = await session.run(feeds, fetches)
  if (packetBytes(ANSWER_WORDS, [outputs]) <= answer.buffer.byteLength) {
    answer.doubles[0] = runMs
    writeTensors(answer, ANSWER_WORDS, [outputs])
    send(IN_AREA)
  } else {
    send({ op: 'answer', outputs, runMs }, transferable(outputs))
  }
}

function transferable(outputs: readonly Tensor[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  for (const { data } of outputs) {
    if (!ArrayBuffer.isView(data) || !(data.buffer instanceof ArrayBuffer)) continue
    if (data.byteLength >= TRANSFER_BYTES && data.byteLength === data.buffer.byteLength) buffers.add(data.buffer)
  }
  return [...buffers]
}
