// The barest worker: a process that only calls `session.run`, as often as it is told to. Two of them beside one say what the machine's
// second core is worth.
import { readFile } from 'node:fs/promises'
import { openSession } from '../../src/runtime/in-process.ts'

const session = await openSession(await readFile(process.argv[2]!))
const rows = Number(process.argv[3])
const x = Float32Array.from({ length: rows }, (_, i) => i % 997)
const feeds = { x: { type: 'float32' as const, dims: [rows, 1], data: x } }
await session.run(feeds)
process.on('message', async (runs: number) => {
  for (let i = 0; i < runs; i++) await session.run(feeds)
  process.send!('done')
})
process.send!('ready')
