// The entry of a worker thread.
import { parentPort, workerData } from 'node:worker_threads'
import { IN_AREA, type ToWorker, type WorkerSetup } from './protocol.ts'
import { runOrders } from './run-orders.ts'

const port = parentPort
if (port === null) throw new Error('This file is the entry of a worker thread')

const carryOut = runOrders(workerData as WorkerSetup, {
  send: (message, transfer) => port.postMessage(message, transfer),
  answered: () => port.postMessage(IN_AREA),
  largeAnswers: 'as a message',
  // With its port closed the thread has nothing left to wait for and ends by itself.
  close: () => port.close(),
})
port.on('message', (order: ToWorker) => carryOut(order))
