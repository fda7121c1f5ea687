// The entry of a child process that runs models of strangers. Packets come and go over a pipe: two processes share no memory.
import { Socket } from 'node:net'
import { holdLeash } from '../jobs/hold-leash.ts'
import { Areas } from './areas.ts'
import { FRAME_PIPE, readFrames, writeFrame } from './frames.ts'
import { AREA_BYTES, IN_AREA, type LoadOrder, type UnloadOrder } from './protocol.ts'
import { runOrders } from './run-orders.ts'

holdLeash()
const pipe = new Socket({ fd: FRAME_PIPE, readable: true, writable: true })
const setup = {
  request: new SharedArrayBuffer(AREA_BYTES),
  answer: new SharedArrayBuffer(AREA_BYTES),
  gpu: 'off',
} as const
const requests = new Areas(setup.request)

const carryOut = runOrders(setup, {
  send: (message) => process.send!(message),
  answered: (area, bytes) => writeFrame(pipe, area.bytes.subarray(0, bytes)),
  largeAnswers: 'in an area',
  close: () => process.disconnect(),
})

process.on('message', (order: LoadOrder | UnloadOrder) => carryOut(order))
readFrames(pipe, {
  areaFor: (bytes) => requests.of(bytes),
  packet: (area) => void carryOut(area === requests.usual ? IN_AREA : area.buffer),
})
