// What `npm pack` makes, as a project has it that installs it: built from the sources alone, beside the dependencies that npm would
// bring and no others. Its types are checked with those of its dependencies; a training, the file of a stranger and an explanation
// run its child processes and threads.
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'

const run = promisify(execFile)
const SOURCES = ['src', 'assembly', 'scripts', 'openapi.json', 'package.json', 'tsconfig.json', 'tsconfig.build.json']
const PASSED_ON = ['README.md', 'LICENSE']

const PROGRAM = `
import { createMlService, defineModel, InferenceError } from 'modelyard'
import { createClient, type MlClient } from 'modelyard/client'
import { createNatsClient, type NatsClient } from 'modelyard/client-nats'
import { Type } from 'typebox'

const doubler = defineModel({
  name: 'doubler',
  input: Type.Object({ value: Type.Number() }),
  output: Type.Number(),
  predict: ({ value }) => 2 * value,
})
const settings = { dataDir: 'data', servicePort: 0, logLevel: 'warn' } as const
const service = await createMlService({ models: [doubler], configOverrides: settings })
const client: MlClient = createClient({ baseUrl: await service.listen() })
const { prediction } = await client.models.predict({ model_id: 'doubler', input_data: { value: 21 } })

const rows = Array.from({ length: 200 }, (_, i) => ({ x: i % 20, colour: i % 3 ? 'red' : 'blue', y: i % 20 > 9 ? 'yes' : 'no' }))
const dataset = await client.datasets.create({ name: 'rows', rows, target: 'y' })
const algorithm = 'gradient_boosting'
const { job_id } = await client.models.train({ model_name: 'm', model_type: 'classification', dataset_id: dataset.id, algorithm })
const events: string[] = []
for await (const { event } of client.training_jobs.events({ job_id })) events.push(event)
const row = { x: 19, colour: 'red' }
const trained = await client.models.predict({ model_id: 'm', input_data: row })
const { stream } = await client.versions.artifact({ model_id: 'm', version: '1.0.0' })
const file = new Uint8Array(await new Response(stream).arrayBuffer())
const { id } = await client.models.create({ name: 'stranger', type: 'classification' })
const { version } = await client.versions.import({ model_id: id, file })
await client.models.deploy({ model_id: id, version })
const strange = await client.models.predict({ model_id: id, input_data: row, explain: true })
const refused = await client.models.predict({ model_id: 'm', input_data: {} }).catch((error: Error) => error)
await service.close()
const connect: (options: { url: string }) => Promise<NatsClient> = createNatsClient
console.log(JSON.stringify([prediction, events.at(-1), trained.prediction, strange.prediction, strange.explanation?.method, refused instanceof Error, typeof connect, InferenceError.name]))
`

const folder = await mkdtemp(join(tmpdir(), 'modelyard-package-'))
const project = join(folder, 'project')
const installed = join(project, 'node_modules/modelyard')

beforeAll(async () => {
  const copy = join(folder, 'copy')
  for (const name of [...SOURCES, ...PASSED_ON]) cpSync(name, join(copy, name), { recursive: true })
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'))
  await run('npm', ['run', '--silent', 'build'], { cwd: copy })
  const packed = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: copy })
  mkdirSync(installed, { recursive: true })
  await run('tar', ['xzf', join(folder, packed.stdout.trim()), '--strip-components', '1', '-C', installed])
  for (const path of dependencies()) {
    mkdirSync(dirname(join(project, path)), { recursive: true })
    symlinkSync(resolve(path), join(project, path))
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }))
  writeFileSync(join(project, 'program.ts'), PROGRAM)
}, 240_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

/** Folders of packages that an installation without development has at the top. */
function dependencies(): string[] {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>
  }
  return Object.entries(packages).flatMap(([path, { dev, devOptional }]) =>
    /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && !dev && !devOptional ? [path] : [],
  )
}

it('has types that a strict project accepts, those of its dependencies included', async () => {
  const compilerOptions = { target: 'es2024', module: 'nodenext', strict: true, noEmit: true, types: ['node'] }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }))
  const { stdout } = await run(resolve('node_modules/.bin/tsc'), ['-p', project]).catch(
    (error: { stdout: string }) => error,
  )
  expect(stdout).toBe('')
}, 120_000)

it('answers, trains and refuses in a program of that project', async () => {
  const { stdout } = await run(process.execPath, ['program.ts'], { cwd: project })
  expect(JSON.parse(stdout)).toEqual([
    42,
    'succeeded',
    'yes',
    'yes',
    'sampled_shapley',
    true,
    'function',
    'InferenceError',
  ])
}, 180_000)

it('brings the command', () => {
  const { version, bin } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    version: string
    bin: { modelyard: string }
  }
  const said = execFileSync(process.execPath, [join(installed, bin.modelyard), '--version'], { encoding: 'utf8' })
  expect(said.trim()).toBe(version)
})
