// What metrics and traces cost: the service with metrics and with traces of some shares of its requests, beside the same service
// without either, in turns in one run. On a busy machine only the processor time a request tells.
// node bench/load/traces.ts [--rounds=5] [--ms=2000] [--shares=0.01,0.1,1]
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { spread, writeResult } from '../result.ts'
import { cpuOf, told } from './child.ts'
import { applyTo, bytesOf } from './serving/generator.ts'
import { floatRow, namedRow } from './serving/models.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    ms: { type: 'string', default: '2000' },
    shares: { type: 'string', default: '0.01,0.1,1' },
  },
})
const ROUNDS = Number(values.rounds)
const MEASURE_MS = Number(values.ms)
const CONNECTIONS = 64
/** Code that few requests take is slow for long: a trace costs 280 µs at first and 65 in the end. */
const WARM_MS = 5000

interface Subject {
  readonly name: string
  readonly url: string
  readonly child: ChildProcess
}

const forked = (file: string, args: readonly string[] = []) =>
  fork(join(import.meta.dirname, 'traces', file), args, { execArgv: [] })

async function started(name: string, config: object, metrics = 'with metrics'): Promise<Subject> {
  const child = forked('service.ts', [JSON.stringify(config), metrics])
  const { url } = await told<{ url: string }>(child)
  return { name, url, child }
}

const collector = forked('collector.ts')
const otelExporterOtlpEndpoint = `http://127.0.0.1:${await told<number>(collector)}`
const bare = await started('bare', {}, 'without metrics')
const others = [await started('metrics', {})]
for (const otelTracesSamplerArg of values.shares.split(',').map(Number)) {
  const config = { enableOtel: true, otelExporterOtlpEndpoint, otelTracesSamplerArg }
  others.push(await started(`metrics and traces of ${otelTracesSamplerArg * 100} %`, config))
}

const CASES = {
  v2: {
    path: '/v2/models/small/infer',
    body: (i: number) =>
      JSON.stringify({ inputs: [{ name: 'x', shape: [1, 16], datatype: 'FP32', data: floatRow(i, 16) }] }),
  },
  named: { path: '/predict/named', body: (i: number) => JSON.stringify({ input_data: namedRow(i) }) },
} as const

async function measure(subject: Subject, { path, body }: (typeof CASES)[keyof typeof CASES], measureMs = MEASURE_MS) {
  const requests = Array.from({ length: 97 }, (_, i) => bytesOf({ url: subject.url, path, body: body(i) }))
  const before = cpuOf(subject.child)
  const outcome = await applyTo(subject.url, requests, { connections: CONNECTIONS, measureMs })
  if (outcome.broken + outcome.refused > 0) throw new Error(`${subject.name} ${path}: ${JSON.stringify(outcome)}`)
  return { rate: outcome.good, cpuUs: (cpuOf(subject.child) - before) / outcome.requests }
}

const series: Record<string, number[]> = {}
function note(name: string, value: number): void {
  series[name] ??= []
  series[name].push(value)
}

for (const one of Object.values(CASES)) for (const subject of [bare, ...others]) await measure(subject, one, WARM_MS)
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, one] of Object.entries(CASES)) {
    const before = await measure(bare, one)
    const found = new Map<Subject, Awaited<ReturnType<typeof measure>>>()
    // The other way round every second time, so that none is always the last.
    for (const subject of round % 2 === 0 ? others : others.toReversed())
      found.set(subject, await measure(subject, one))
    const after = await measure(bare, one)
    const rate = (before.rate + after.rate) / 2
    const cpuUs = (before.cpuUs + after.cpuUs) / 2
    note(`${name} bare per second`, rate)
    note(`${name} bare processor us`, cpuUs)
    note(`${name} bare again / bare, rate`, after.rate / before.rate)
    for (const [subject, result] of found) {
      note(`${name} ${subject.name}, rate / bare`, result.rate / rate)
      note(`${name} ${subject.name}, processor time / bare`, result.cpuUs / cpuUs)
    }
  }
}
for (const { child } of [bare, ...others]) child.disconnect()
collector.disconnect()
await writeResult('load-traces', {
  what: `${CONNECTIONS} connections, ${MEASURE_MS} ms a block, blocks in turns between two of the bare service`,
  rounds: ROUNDS,
  ...Object.fromEntries(Object.entries(series).map(([name, list]) => [name, spread(list)])),
})
