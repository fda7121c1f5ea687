// Where the blocks of a document run: an empty folder in which `modelyard` is a command and a package, and a service of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** What the documents call the service; replaced by where it really is. */
export const SHOWN_URL = 'http://127.0.0.1:8080'
const ROOT = resolve(import.meta.dirname, '../..')
/** Packages that a reader's program may import beside modelyard. */
const PACKAGES = ['typebox', 'fastify', '@types']
const EXPORTS = { '.': './src/index.ts', './client': './src/client.ts', './client-nats': './src/client-nats.ts' }

export interface Workplace extends AsyncDisposable {
  readonly folder: string
  readonly dataDir: string
  readonly env: NodeJS.ProcessEnv
}

export async function openWorkplace(): Promise<Workplace> {
  const home = await mkdtemp(join(tmpdir(), 'docs-'))
  const [folder, bin, dataDir] = [join(home, 'work'), join(home, 'bin'), join(home, 'data')]
  const installed = join(home, 'work/node_modules/modelyard')
  for (const path of [bin, dataDir, installed]) await mkdir(path, { recursive: true })
  await writeCommand(join(bin, 'modelyard'), `exec "${process.execPath}" "${ROOT}/src/main.ts" "$@"`)
  // The service of the document is running already.
  await writeCommand(join(bin, 'make'), '[ "$1" != demo ] || exec modelyard demo 2>&1')
  // Links, because Node.js strips types only outside node_modules, and goes by the real path.
  await symlink(join(ROOT, 'src'), join(installed, 'src'))
  await writeFile(join(installed, 'package.json'), JSON.stringify({ type: 'module', exports: EXPORTS }))
  for (const name of PACKAGES) await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }))
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(compilerSettings()))
  const path = `${bin}:${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`
  return {
    folder,
    dataDir,
    env: { ...withoutSettings(process.env), PATH: path, DATA_DIR: dataDir, NO_COLOR: '1' },
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  }
}

async function writeCommand(path: string, script: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
}

function compilerSettings() {
  return {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false, noEmit: true },
    include: ['*.ts'],
  }
}

/** The servers of other tests must not reach the service of a document. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const settings =
    /^(DATABASE_URL|REDIS_URL|NATS_URL|ENABLE_|S3_|MODEL_|SERVICE_|ML_|ARTIFACTS_DIR|NODE_OPTIONS|VITEST)/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !settings.test(name)))
}

export interface Service extends AsyncDisposable {
  readonly url: string
}

export async function startService({ folder, env }: Workplace): Promise<Service> {
  const child = spawn('modelyard', ['serve', '--service-port', '0'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const url = await firstAddress(child)
  await untilHealthy(url)
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => child.once('close', resolve))
      child.kill('SIGTERM')
      await closed
    },
  }
}

/** It listens before its database is made; a reader is slower than that, a test is not. */
async function untilHealthy(url: string): Promise<void> {
  for (;;) {
    const reply = await fetch(`${url}/health`)
    if (((await reply.json()) as { status: string }).status === 'healthy') return
    await setTimeout(100)
  }
}

function firstAddress(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const listen = (chunk: Buffer) => {
      said += chunk
      const url = /Modelyard listens on (\S+)/.exec(said)?.[1]
      if (url) resolve(url)
    }
    child.stdout!.on('data', listen)
    child.stderr!.on('data', listen)
    child.once('close', (code) => reject(new Error(`the service ended with ${code}:\n${said}`)))
  })
}
