// The entry of a worker thread.
import { parentPort, workerData } from 'node:worker_threads'
import { IN_AREA, type ThreadSetup, type ToWorker } from './protocol.ts'
import { runOrders } from './run-orders.ts'

const orders = parentPort
if (orders === null) throw new Error('This file is the entry of a worker thread')

const setup = workerData as ThreadSetup
const { port } = setup
const carryOut = runOrders(setup, {
  send: (message, transfer) => port.postMessage(message, transfer),
  answered: () => port.postMessage(IN_AREA),
  largeAnswers: 'as a message',
  // With its port closed the thread has nothing left to wait for and ends by itself.
  close: () => orders.close(),
})
orders.on('message', (order: ToWorker) => carryOut(order))
