// The Open Inference Protocol beside what it stands on: V2 JSON, raw tensors of 1 MB and gRPC, each against a bare node:http or
// grpc-js server that reads the same bytes and answers as many. The service does everything (tenancy, checks, metrics,
// batching, the model). Taken in turns in one run; on a busy machine only the CPU time a request tells anything.
// node bench/load/oip.ts [rounds] [ms]; writes bench/results/load-oip.json.
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { httpSender, type Sender } from '../../src/cli/bench/http.ts'
import { applyLoad } from '../../src/cli/bench/load.ts'
import type { Tensors } from '../../src/core/tensors.ts'
import { grpcSender } from '../../src/grpc/client.ts'
import { spread, writeResult } from '../result.ts'
import { told } from './child.ts'
import type { Ports } from './oip-process.ts'

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

type Make = (ports: Ports) => Sender
const http =
  (model: string, inputs: Tensors, form: 'json' | 'binary'): Make =>
  (ports) =>
    httpSender({ url: `http://127.0.0.1:${ports.http}`, tenant: undefined, model, version: undefined }, inputs, form)
const grpc =
  (model: string, inputs: Tensors): Make =>
  (ports) =>
    grpcSender({ address: `127.0.0.1:${ports.grpc}`, tenant: undefined, model, version: undefined }, inputs)

const CASES = [
  { name: 'json', concurrency: 64, make: http('perceptron', floats(16), 'json') },
  { name: 'json_alone', concurrency: 1, make: http('perceptron', floats(16), 'json') },
  { name: 'grpc', concurrency: 64, make: grpc('perceptron', floats(16)) },
  { name: 'binary_1mb', concurrency: 4, make: http('megabyte', floats(262_144), 'binary') },
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
      const sender = make(subject.ports)
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
      if (name.endsWith('1mb')) note(`${name}_${role}_mb_per_second`, (perSecond * sender.bytes) / 1e6)
    }
    if (round === 0 && ROUNDS > 1) continue
    note(`${name}_share_of_floor`, rates[0]! / rates[1]!)
    note(`${name}_cpu_over_floor`, costs[0]! / costs[1]!)
  }
}
for (const { child } of Object.values(subjects)) child.disconnect()
await writeResult('load-oip', Object.fromEntries(Object.entries(found).map(([name, values]) => [name, spread(values)])))
