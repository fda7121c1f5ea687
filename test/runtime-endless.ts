// A process of its own for a model that never ends: threads stuck in native code cannot be stopped, and a process that
// has any ends only by SIGKILL. Prints what became of the runtime.
import { writeSync } from 'node:fs'
import { asFailure } from '../src/core/failure.ts'
import { silentLog } from '../src/core/log.ts'
import { openRuntime } from '../src/runtime/index.ts'
import { addModel, floats, loopFeeds, loopModel } from './runtime-models.ts'

const runtime = openRuntime({ workers: 1, maxQueue: 10, enableGpu: false, log: silentLog, runTimeoutMs: 20_000 })
const endless = await runtime.load({ key: 'loop', bytes: loopModel() })
const other = await runtime.load({ key: 'add', bytes: addModel(1) })
const codes: string[] = []
for (let i = 0; i < 3; i++) {
  await endless.run(loopFeeds(Number.MAX_SAFE_INTEGER), { limitMs: 300 }).catch((error: unknown) => {
    codes.push(asFailure(error).code)
  })
  await other.run({ x: floats(0) })
}
const { outputs } = await other.run({ x: floats(1) })
const { abandoned } = runtime.status()
await runtime.close()
writeSync(1, JSON.stringify({ codes, other: outputs.y?.data[0], abandoned, closed: true }))
process.kill(process.pid, 'SIGKILL')
