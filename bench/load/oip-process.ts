// A process of `oip.ts`: the service, or a floor that reads a request and answers as many bytes as the service would, over bare
// node:http or bare grpc-js. Tells its ports, and its CPU time when asked.
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { createApp } from '../../src/app.ts'
import { createClient } from '../../src/client.ts'
import { loadConfig } from '../../src/config.ts'
import { silentLog } from '../../src/core/log.ts'
import { GraphBuilder } from '../../src/ml/onnx/graph.ts'

export interface Ports {
  readonly http: number
  readonly grpc: number
}

const HIDDEN = 32

/** 16 floats → 32 → 3 probabilities. */
function perceptron(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N', 16])
  const weights = (name: string, rows: number, columns: number) => {
    const data = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i))
    return graph.constant(name, { type: 'float32', dims: [rows, columns], data })
  }
  const hidden = graph.node('Relu', [graph.node('MatMul', [x, weights('w1', 16, HIDDEN)])])
  const scores = graph.node('MatMul', [hidden, weights('w2', HIDDEN, 3)])
  graph.output('y', graph.node('Softmax', [scores], { attributes: { axis: { int: -1 } } }), 'float32', ['N', 3])
  return graph.build({ name: 'perceptron' })
}

/** Takes a megabyte, answers its sum: what is measured is the way in. */
function megabyte(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N', 262_144])
  const axes = graph.constant('axes', { type: 'int64', dims: [1], data: [1] })
  graph.output('y', graph.node('ReduceSum', [x, axes]), 'float32', ['N', 1])
  return graph.build({ name: 'megabyte' })
}

/** Gives back the megabyte it takes. */
function echo(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N', 262_144])
  graph.output('y', graph.node('Identity', [x]), 'float32', ['N', 262_144])
  return graph.build({ name: 'echo' })
}

const MODELS = { perceptron, megabyte, echo }

async function service(): Promise<Ports> {
  const dataDir = await mkdtemp(join(tmpdir(), 'modelyard-oip-'))
  const config = loadConfig({ env: {}, overrides: { dataDir, mlWorkers: 1, grpcPort: 0 } })
  const app = await createApp(config, { log: silentLog })
  await app.begun
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const client = createClient({ baseUrl: url })
  for (const [name, make] of Object.entries(MODELS)) {
    const { id } = await client.models.create({ name, type: 'custom' })
    const { version } = await client.versions.import({ model_id: id, file: make(), trusted: true })
    await client.models.deploy({ model_id: id, version, environment: 'production' })
  }
  process.once('disconnect', async () => {
    await app.stop()
    await rm(dataDir, { recursive: true, force: true })
    process.exit()
  })
  return { http: Number(new URL(url).port), grpc: app.grpcPort()! }
}

async function floor(): Promise<Ports> {
  const answer = Buffer.alloc(160, 32)
  const http = createServer((request, reply) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const answered = request.url!.includes('echo') ? body : answer
      reply.writeHead(200, { 'content-type': 'application/json', 'content-length': answered.length }).end(answered)
    })
  })
  await new Promise<void>((listening) => http.listen(0, '127.0.0.1', listening))
  const grpc = new Server({ 'grpc.max_receive_message_length': -1 })
  const asIs = (bytes: Buffer) => bytes
  const method = { requestStream: false, responseStream: false, requestSerialize: asIs, requestDeserialize: asIs }
  const ModelInfer = {
    ...method,
    path: '/inference.GRPCInferenceService/ModelInfer',
    responseSerialize: asIs,
    responseDeserialize: asIs,
  }
  grpc.addService(
    { ModelInfer },
    { ModelInfer: (_call: unknown, reply: (e: null, b: Buffer) => void) => reply(null, answer) },
  )
  const grpcPort = await new Promise<number>((bound, failed) =>
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? failed(error) : bound(port),
    ),
  )
  process.once('disconnect', () => process.exit())
  return { http: (http.address() as AddressInfo).port, grpc: grpcPort }
}

process.send!(await (process.argv[2] === 'service' ? service() : floor()))
process.on('message', () => process.send!(process.cpuUsage()))
