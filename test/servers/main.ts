// All the test servers without Vitest. `node test/servers/main.ts` starts them, prints their environment variables and
// waits for Ctrl-C; `node test/servers/main.ts some command` runs the command with those variables and then stops them.
import { spawn } from 'node:child_process'
import { openPool, SERVER_NAMES, type ServerPool } from './pool.ts'

const [program, ...args] = process.argv.slice(2)
const pool = await openPool()
const variables = await environment(pool)
if (program) {
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...variables } })
  process.exitCode = await new Promise<number>((resolve) => {
    child.once('error', () => resolve(127))
    child.once('exit', (code) => resolve(code ?? 1))
  })
} else {
  for (const [name, value] of Object.entries(variables)) console.log(`export ${name}='${value}'`)
  const tick = setInterval(() => {}, 60_000)
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  clearInterval(tick)
}
await pool[Symbol.asyncDispose]()

async function environment({ get }: ServerPool): Promise<Readonly<Record<string, string>>> {
  const [answers, s3] = [await Promise.all(SERVER_NAMES.map((name) => get(name))), await get('s3')]
  for (const { missing } of answers) if (missing) console.error(missing)
  const [postgres, redis, nats] = await Promise.all([get('postgres'), get('redis'), get('nats')])
  return {
    ...(postgres.place && { TEST_DATABASE_URL: postgres.place.url }),
    ...(redis.place && { REDIS_URL: redis.place.url }),
    ...(nats.place && { NATS_URL: nats.place.url }),
    ...(s3.place && {
      S3_ENDPOINT: s3.place.endpoint,
      S3_BUCKET: s3.place.bucket,
      AWS_REGION: s3.place.region,
      AWS_ACCESS_KEY_ID: s3.place.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.place.secretAccessKey,
    }),
  }
}
