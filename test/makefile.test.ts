// The Makefile as its user would go through it, in a copy of the checkout. What it does with Docker is held against a program of that
// name that writes down what it is asked for: whether a real one does it is another matter.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isAlive, startProgram } from './e2e/processes.ts'
import { type Checkout, makeCheckout } from './make/checkout.ts'

const TARGETS = ['build', 'train', 'serve', 'health', 'ready', 'reload', 'predict', 'test', 'logs', 'ps', 'stop']
const SLOW = { timeout: 240_000 }

/** But for installed packages, which are links to what many use. */
function filesOf(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => name !== 'node_modules')
  const below = (name: string) =>
    readdirSync(join(folder, name), { recursive: true, encoding: 'utf8' }).map((path) => join(name, path))
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name, ...below(entry.name)] : [entry.name])).sort()
}

async function pidOf({ pidFile }: Checkout): Promise<number> {
  return Number(await readFile(pidFile, 'utf8'))
}

describe('make, from the first build to the last file', () => {
  let checkout: Checkout
  let before: string[]
  let answer: string
  beforeAll(async () => {
    checkout = await makeCheckout()
    before = filesOf(checkout.folder)
  })
  afterAll(() => checkout[Symbol.asyncDispose]())
  const data = (...names: string[]) => join(checkout.folder, '.modelyard', ...names)

  it('lists every target', async () => {
    const { code, said } = await checkout.make()
    expect(code).toBe(0)
    for (const target of [...TARGETS, 'cleanup', 'nuke']) expect(said).toMatch(new RegExp(`make (\\w+ )?${target}\\b`))
  })

  it('says of nothing that there is nothing', async () => {
    expect(await checkout.make('ps')).toEqual({ code: 0, said: 'Modelyard is not running.\n' })
    expect(await checkout.make('stop')).toEqual({ code: 0, said: 'Modelyard is not running.\n' })
    expect(await checkout.make('logs')).toEqual({ code: 0, said: 'There is no log yet: make start\n' })
    const { code, said } = await checkout.make('health')
    expect(code).not.toBe(0)
    expect(said).toContain('Failed to connect to 127.0.0.1')
    expect(filesOf(checkout.folder)).toEqual(before)
  })

  it('build makes a program that runs', SLOW, async () => {
    expect(await checkout.make('build')).toMatchObject({ code: 0 })
    await using built = startProgram(['--version'], {}, [process.execPath, join(checkout.folder, 'dist/main.js')])
    expect(await built.exited).toEqual({ code: 0, signal: null })
  })

  it('train needs no service, and leaves a model that is live', SLOW, async () => {
    const { code, said } = await checkout.make('train')
    expect(said).toContain('Training customer_value on day_01.csv')
    expect(said).toContain('Version 1.0.0 is live in "production": first version')
    expect(code).toBe(0)
    const [model] = readdirSync(data('artifacts/models'))
    expect(readFileSync(data('artifacts/models', model!, 'CURRENT'), 'utf8').trim()).toBe('1.0.0')
  })

  it('train on a day that there is not says which there are', SLOW, async () => {
    const { code, said } = await checkout.make('train', 'DAY=day_13.csv')
    expect(code).toBe(2)
    expect(said).toContain('There is no sample day_13.csv; choose one of day_01.csv … day_12.csv')
  })

  it('serve starts it once, and says where', SLOW, async () => {
    const { code, said } = await checkout.make('serve')
    expect(code).toBe(0)
    expect(said).toContain(`Modelyard listens on ${checkout.url}  (docs: ${checkout.url}/docs)`)
    const pid = await pidOf(checkout)
    expect((await checkout.make('start')).said).toContain(
      `Modelyard is already running at ${checkout.url} (process ${pid}).`,
    )
    expect((await checkout.make('ps')).said).toBe(`Modelyard is running at ${checkout.url} (process ${pid}).\n`)
  })

  it('health, ready, reload and predict ask it', async () => {
    const health = await checkout.make('health')
    expect(JSON.parse(health.said)).toMatchObject({ status: 'healthy', models_loaded: true })
    const ready = await checkout.make('ready')
    expect(JSON.parse(ready.said)).toMatchObject({ ready: true })
    const reload = await checkout.make('reload')
    expect(JSON.parse(reload.said)).toMatchObject({ success: true })
    const predict = await checkout.make('predict')
    expect(JSON.parse(predict.said)).toEqual({ prediction: expect.any(Number), probability: expect.any(Number) })
    expect([health.code, ready.code, reload.code, predict.code]).toEqual([0, 0, 0, 0])
    answer = predict.said
  })

  it('train on another day goes through the service that runs', SLOW, async () => {
    const { code, said } = await checkout.make('train', 'DAY=day_12.csv')
    expect(code).toBe(0)
    expect(said).toContain('Training customer_value on day_12.csv')
    expect(said).toContain('Version 1.1.0 is live in "production"')
    const { said: other } = await checkout.make('predict')
    expect(JSON.parse(other)).toHaveProperty('probability')
    expect(other).not.toBe(answer)
    answer = other
  })

  it('test runs every test', async () => {
    const { said } = await checkout.make('--dry-run', 'test')
    expect(said.trim().split('\n').at(-1)).toBe('scripts/test.sh')
  })

  it('logs follows the log', async () => {
    const following = checkout.begin('logs')
    let said = ''
    for await (const chunk of following.stdout!) {
      said += chunk
      if (said.includes(`Modelyard listens on ${checkout.url}`)) break
    }
    process.kill(-following.pid!)
    if (following.exitCode === null && following.signalCode === null) await once(following, 'exit')
    expect(isAlive(await pidOf(checkout))).toBe(true)
  })

  it('stop stops it and keeps everything', SLOW, async () => {
    const pid = await pidOf(checkout)
    expect(await checkout.make('stop')).toEqual({ code: 0, said: 'Modelyard has stopped.\n' })
    expect(isAlive(pid)).toBe(false)
    expect(existsSync(checkout.pidFile)).toBe(false)
    expect((await checkout.make('ps')).said).toBe('Modelyard is not running.\n')
    expect((await checkout.make('start')).code).toBe(0)
    expect((await checkout.make('predict')).said).toBe(answer)
  })

  it('cleanup stops it and removes what was built', async () => {
    const pid = await pidOf(checkout)
    expect((await checkout.make('cleanup')).code).toBe(0)
    expect(isAlive(pid)).toBe(false)
    expect(existsSync(join(checkout.folder, 'dist'))).toBe(false)
    expect(filesOf(checkout.folder)).toEqual(expect.arrayContaining([...before, '.modelyard/database']))
  })

  it('nuke removes the data too, and nothing else', async () => {
    const packages = readdirSync(join(checkout.folder, 'node_modules'))
    expect((await checkout.make('nuke')).code).toBe(0)
    expect(filesOf(checkout.folder)).toEqual(before)
    expect(readdirSync(join(checkout.folder, 'node_modules'))).toEqual(packages)
  })
})

describe('make leaves alone what is not its own', () => {
  it('a process that has the number of a service that is gone', async () => {
    await using checkout = await makeCheckout()
    const stranger = spawn('sleep', ['600'])
    await mkdir(join(checkout.folder, '.modelyard'))
    await writeFile(checkout.pidFile, `${stranger.pid}\n`)
    expect((await checkout.make('ps')).said).toBe('Modelyard is not running.\n')
    expect((await checkout.make('nuke')).said).toContain('Modelyard is not running.')
    expect(isAlive(stranger.pid!)).toBe(true)
    stranger.kill()
  })

  it('a service that was started by hand', SLOW, async () => {
    await using checkout = await makeCheckout()
    const DATA_DIR = join(checkout.folder, '.modelyard')
    await using byHand = startProgram(['serve'], { DATA_DIR, SERVICE_PORT: '0' })
    await byHand.says(/^Modelyard listens on/)
    const { code, said } = await checkout.make('nuke')
    expect(code).not.toBe(0)
    expect(said).toContain(`is in use by process ${byHand.pid}, which make start did not start: stop it first.`)
    const start = await checkout.make('start')
    expect(start.code).not.toBe(0)
    expect(start.said).toContain(`is in use by process ${byHand.pid}`)
    expect(byHand.running()).toBe(true)
    expect(existsSync(join(DATA_DIR, 'database'))).toBe(true)
  })

  it('other files in a data folder that was given', SLOW, async () => {
    await using checkout = await makeCheckout({ DATA_DIR: 'shelf' })
    const shelf = join(checkout.folder, 'shelf')
    await mkdir(shelf)
    await writeFile(join(shelf, 'letters.txt'), 'mine')
    expect((await checkout.make('start')).code).toBe(0)
    expect(readdirSync(shelf)).toEqual(expect.arrayContaining(['artifacts', 'database', 'service.log', 'service.pid']))
    expect((await checkout.make('nuke')).said).toContain('shelf holds more than the service put there; that is left.')
    expect(readdirSync(shelf)).toEqual(['letters.txt'])
    expect(existsSync(join(checkout.folder, '.modelyard'))).toBe(false)
  })

  it('a port that is taken: start says so and leaves no trace of a service', SLOW, async () => {
    await using checkout = await makeCheckout()
    const taken = createServer().listen(Number(new URL(checkout.url).port), '127.0.0.1')
    await once(taken, 'listening')
    const { code, said } = await checkout.make('start')
    taken.close()
    expect(code).not.toBe(0)
    expect(said).toMatch(/port \d+|EADDRINUSE/i)
    expect(existsSync(checkout.pidFile)).toBe(false)
  })
})

describe('make with DOCKER=1', () => {
  /** What docker is asked for by `make <words>`, while the container runs or not. */
  async function asked(words: readonly string[], isRunning: boolean): Promise<string[]> {
    const bin = join(checkout.folder, 'bin')
    const log = join(checkout.folder, 'asked')
    await mkdir(bin, { recursive: true })
    await writeFile(log, '')
    const says = isRunning ? '[ "$2" != ps ] || echo 1f3a' : ''
    await writeFile(join(bin, 'docker'), `#!/bin/sh\necho "$@" >> "${log}"\n${says}\n`)
    await chmod(join(bin, 'docker'), 0o755)
    const { code, said } = await checkout.make(...words, 'DOCKER=1', `PATH=${bin}:${process.env.PATH}`)
    expect(said).not.toContain('node_modules')
    expect(code).toBe(0)
    return (await readFile(log, 'utf8')).trim().split('\n')
  }
  let checkout: Checkout
  beforeAll(async () => {
    checkout = await makeCheckout()
  })
  afterAll(() => checkout[Symbol.asyncDispose]())

  it.each([
    ['build', ['compose build']],
    ['start', ['compose up --detach --wait']],
    ['serve', ['compose up --detach --wait']],
    ['logs', ['compose logs --follow']],
    ['ps', ['compose ps']],
    ['stop', ['compose stop']],
    ['cleanup', ['compose down']],
    ['nuke', ['compose down --volumes']],
  ])('%s', async (target, commands) => {
    expect(await asked([target], false)).toEqual(commands)
  })

  const LOOK = 'compose ps --quiet --status running modelyard'
  it('train and demo run in the container that has the data, or in one of their own', async () => {
    expect(await asked(['train'], true)).toEqual([
      LOOK,
      'compose exec modelyard node dist/main.js demo --train day_01.csv',
    ])
    expect(await asked(['train', 'DAY=day_12.csv'], false)).toEqual([
      LOOK,
      'compose run --rm modelyard demo --train day_12.csv',
    ])
    expect(await asked(['demo'], true)).toEqual([
      'compose up --detach --wait',
      LOOK,
      'compose exec modelyard node dist/main.js demo',
    ])
  })
})
