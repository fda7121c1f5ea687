// A service on a folder of models, in a process of its own: says where it listens, and stops when told to.
import { createApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config.ts'
import { silentLog } from '../../../src/core/log.ts'

const started = performance.now()
const overrides = JSON.parse(process.argv[2] ?? '{}') as Record<string, never>
const app = await createApp(loadConfig({ env: {}, overrides }), { log: silentLog })
await app.begun
const url = await app.listen({ port: 0 })
process.send?.({ url, startMs: performance.now() - started })
process.once('disconnect', async () => {
  await app.stop()
  process.exit(0)
})
