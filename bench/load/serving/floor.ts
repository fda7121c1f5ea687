// The floor of the serving benchmark: bare node:http, JSON.parse, one worker thread with `session.run`, no batching, no checks.
// The same file is the server and its worker. `node floor.ts` says where it listens.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { perceptron, SMALL } from './models.ts'

if (isMainThread) serve()
else await work()

function serve(): void {
  const worker = new Worker(import.meta.filename)
  const waiting = new Map<number, ServerResponse>()
  let count = 0
  worker.on('message', ({ id, data }: { id: number; data: Float32Array }) => {
    const reply = waiting.get(id)!
    waiting.delete(id)
    const outputs = [{ name: 'y', datatype: 'FP32', shape: [1, data.length], data: Array.from(data) }]
    const body = JSON.stringify({ model_name: 'small', model_version: '1', outputs })
    reply.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
  })
  const server = createServer((request, reply) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { inputs } = JSON.parse(Buffer.concat(chunks).toString())
      const id = count++
      waiting.set(id, reply)
      worker.postMessage({ id, data: Float32Array.from(inputs[0].data) })
    })
  })
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
  process.once('disconnect', () => process.exit())
}

async function work(): Promise<void> {
  const session = await InferenceSession.create(perceptron(SMALL), { intraOpNumThreads: 1, interOpNumThreads: 1 })
  parentPort!.on('message', async ({ id, data }: { id: number; data: Float32Array }) => {
    const { y } = await session.run({ x: new Tensor('float32', data, [1, data.length]) })
    parentPort!.postMessage({ id, data: y!.data })
  })
}
