// The Open Inference Protocol beside what it stands on: V2 JSON, raw tensors of 1 MB and gRPC, each against a bare node:http or
// grpc-js server that reads the same bytes and answers as many. The load comes over raw sockets. The service does everything (tenancy, checks, metrics,
// batching, the model). Taken in turns in one run; on a busy machine only the CPU time a request tells anything.
// node bench/load/oip.ts [rounds] [ms]; writes bench/results/load-oip.json.
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { applyLoad } from '../../src/cli/bench/load.ts'
import type { Tensors } from '../../src/core/tensors.ts'
import { writeInferRequest } from '../../src/grpc/client.ts'
import { spread, writeResult } from '../result.ts'
import { told } from './child.ts'
import type { Ports } from './oip-process.ts'
import { Connection } from './serving/generator.ts'
import { GrpcConnection } from './serving/grpc-generator.ts'

const ROUNDS = Number(process.argv[2] ?? 5)
const MEASURE_MS = Number(process.argv[3] ?? 2000)

interface Subject {
  readonly child: ChildProcess
  readonly ports: Ports
}

async function start(role: 'service' | 'floor'): Promise<Subject> {
  const child = fork(join(import.meta.dirname, 'oip-process.ts'), [role], { execArgv: [] })
  return { child, ports: await told<Ports>(child) }
}

async function cpuOf({ child }: Subject): Promise<number> {
  const asked = told<NodeJS.CpuUsage>(child)
  child.send('cpu')
  const { user, system } = await asked
  return user + system
}

const floats = (length: number): Tensors => ({
  x: { type: 'float32', dims: [1, length], data: new Float32Array(length).fill(0.5) },
})

interface Sender {
  readonly send: () => Promise<void>
  readonly close: () => void
  /** Of one request. */
  readonly bytes: number
}

interface Place {
  readonly ports: Ports
  readonly concurrency: number
}

type Make = (place: Place) => Promise<Sender>

/** As many connections as requests at a time. */
const http =
  (model: string, body: Buffer, headers = ''): Make =>
  async ({ ports, concurrency }) => {
    const url = `http://127.0.0.1:${ports.http}`
    const head = `POST /v2/models/${model}/infer HTTP/1.1\r\nhost: x\r\n${headers}content-length: ${body.length}\r\n\r\n`
    const request = Buffer.concat([Buffer.from(head), body])
    const all = await Promise.all(Array.from({ length: concurrency }, () => Connection.open(url)))
    const free = [...all]
    const send = () =>
      new Promise<void>((done, failed) => {
        const one = free.pop()!
        one.send(request, ({ status, body }) => {
          free.push(one)
          if (status === 200) done()
          else failed(new Error(`${status}: ${body.slice(0, 200)}`))
        })
      })
    return { send, close: () => void all.map((one) => one.close()), bytes: body.length }
  }

/** All over one connection. */
const grpc =
  (model: string, inputs: Tensors): Make =>
  async ({ ports }) => {
    const connection = await GrpcConnection.open(ports.grpc)
    const message = writeInferRequest(model, '', inputs)
    return { send: () => connection.send(message), close: () => connection.close(), bytes: message.length }
  }

function jsonBody({ x }: Tensors): Buffer {
  const input = { name: 'x', shape: x!.dims, datatype: 'FP32', data: Array.from(x!.data as Float32Array) }
  return Buffer.from(JSON.stringify({ inputs: [input] }))
}

function binary(model: string, { x }: Tensors): Make {
  const { buffer, byteLength } = x!.data as Float32Array
  const input = { name: 'x', shape: x!.dims, datatype: 'FP32', parameters: { binary_data_size: byteLength } }
  const json = Buffer.from(JSON.stringify({ inputs: [input], parameters: { binary_data_output: true } }))
  const headers = `inference-header-content-length: ${json.length}\r\n`
  return http(model, Buffer.concat([json, Buffer.from(buffer)]), headers)
}

const CASES = [
  { name: 'json', concurrency: 64, make: http('perceptron', jsonBody(floats(16))) },
  { name: 'json_alone', concurrency: 1, make: http('perceptron', jsonBody(floats(16))) },
  { name: 'grpc', concurrency: 64, make: grpc('perceptron', floats(16)) },
  { name: 'binary_1mb', concurrency: 4, make: binary('megabyte', floats(262_144)) },
  { name: 'binary_1mb_and_back', concurrency: 4, make: binary('echo', floats(262_144)) },
  { name: 'grpc_1mb', concurrency: 4, make: grpc('megabyte', floats(262_144)) },
] as const

const subjects = { service: await start('service'), floor: await start('floor') }
const found: Record<string, number[]> = {}
const note = (name: string, value: number) => {
  found[name] ??= []
  found[name].push(value)
}
for (let round = 0; round < ROUNDS; round++) {
  for (const { name, concurrency, make } of CASES) {
    const rates: number[] = []
    const costs: number[] = []
    for (const role of ['service', 'floor'] as const) {
      const subject = subjects[role]
      const sender = await make({ ports: subject.ports, concurrency })
      const cpu = await cpuOf(subject)
      const { requests, errors, firstError, perSecond, latency } = await applyLoad(sender.send, {
        concurrency,
        warmUpMs: MEASURE_MS / 4,
        measureMs: MEASURE_MS,
      })
      const cost = ((await cpuOf(subject)) - cpu) / Math.max(1, requests)
      sender.close()
      if (errors > 0) throw new Error(`${role} ${name}: ${errors} errors, first ${firstError}`)
      rates.push(perSecond)
      costs.push(cost)
      if (round === 0 && ROUNDS > 1) continue
      note(`${name}_${role}_per_second`, perSecond)
      note(`${name}_${role}_cpu_us`, cost)
      note(`${name}_${role}_p50_ms`, latency.p50)
      note(`${name}_${role}_p99_ms`, latency.p99)
      if (name.includes('1mb')) note(`${name}_${role}_mb_per_second`, (perSecond * sender.bytes) / 1e6)
    }
    if (round === 0 && ROUNDS > 1) continue
    note(`${name}_share_of_floor`, rates[0]! / rates[1]!)
    note(`${name}_cpu_over_floor`, costs[0]! / costs[1]!)
  }
}
for (const { child } of Object.values(subjects)) child.disconnect()
await writeResult('load-oip', Object.fromEntries(Object.entries(found).map(([name, values]) => [name, spread(values)])))
