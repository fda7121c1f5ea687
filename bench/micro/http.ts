// What the HTTP face costs a request: models.predict and /predict with a dispatch that answers at once, beside the floor, a
// bare node:http server that parses and writes the same JSON. Rounds are interleaved; CPU time is that of the server
// process only. Run: node bench/micro/http.ts [rounds]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Dispatch } from '../../src/core/caller.ts'
import { silentLog } from '../../src/core/log.ts'
import { createMetrics } from '../../src/core/metrics.ts'
import { createHttpApp } from '../../src/http/app.ts'

const REQUESTS = 10_000
const IN_FLIGHT = 16
const row = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`column_${i}`, i * 1.5]))
const cases = {
  floor: { path: '/predict', body: JSON.stringify(row) },
  predict_default: { path: '/predict', body: JSON.stringify(row) },
  'models.predict': { path: '/api/v1/ml/models/churn/predict', body: JSON.stringify({ input_data: row }) },
}
type Case = keyof typeof cases

if (process.argv[2] === 'serve') await serve(process.argv[3] as Case)
else await main(Number(process.argv[2] ?? 5))

async function serve(which: Case): Promise<void> {
  const server = which === 'floor' ? await floor() : await face()
  process.on('message', (wanted) => process.send!(wanted === 'cpu' ? process.cpuUsage() : null))
  process.send!((server.address() as AddressInfo).port)
}

async function floor() {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      JSON.parse(Buffer.concat(chunks).toString('utf8'))
      const text = JSON.stringify({ prediction: 1, probability: 0.73 })
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server
}

async function face() {
  const permissions = new Set(['predict'] as const)
  const app = createHttpApp({
    dispatch: (async () => ({ prediction: 1, probability: 0.73 })) as unknown as Dispatch,
    authenticate: (_headers, requestId) => ({ tenantId: 'default', requestId, actor: 'anonymous', permissions }),
    metrics: createMetrics(),
    log: silentLog,
    openapi: {},
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server
}

async function main(rounds: number): Promise<void> {
  const servers = await Promise.all((Object.keys(cases) as Case[]).map(start))
  for (const server of servers) await load(server.port, server.which) // warm-up
  const cpu = new Map<Case, number[]>(servers.map(({ which }) => [which, []]))
  for (let round = 0; round < rounds; round++) {
    for (const server of servers) {
      const before = await server.cpu()
      await load(server.port, server.which)
      const after = await server.cpu()
      cpu.get(server.which)!.push((after - before) / REQUESTS)
    }
  }
  const floorMicros = median(cpu.get('floor')!)
  for (const [which, micros] of cpu) {
    const ratio = (median(micros) / floorMicros).toFixed(2)
    const spread = `${Math.min(...micros).toFixed(1)}–${Math.max(...micros).toFixed(1)}`
    console.log(
      `${which.padEnd(16)} ${median(micros).toFixed(1).padStart(6)} µs CPU/request (${spread})  ${ratio}× floor`,
    )
  }
  for (const server of servers) server.stop()
}

async function start(which: Case) {
  const child = fork(import.meta.filename, ['serve', which])
  child.on('exit', (code) => {
    if (code) throw new Error(`The server of ${which} failed`)
  })
  const [port] = (await once(child, 'message')) as [number]
  const cpu = async () => {
    child.send('cpu')
    const [usage] = (await once(child, 'message')) as [NodeJS.CpuUsage]
    return usage.user + usage.system
  }
  return { which, port, cpu, stop: () => child.kill() }
}

async function load(port: number, which: Case): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT })
  const { path, body } = cases[which]
  let left = REQUESTS
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const req = request({ agent, port, host: '127.0.0.1', method: 'POST', path, headers }, (res) => {
        if (res.statusCode !== 200) reject(new Error(`status ${res.statusCode}`))
        res.resume().on('end', resolve)
      })
      req.on('error', reject).end(body)
    })
  const lane = async () => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  agent.destroy()
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}
