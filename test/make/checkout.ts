// A copy of this checkout for `make` to work in, with a port and a data folder of its own. Installed packages are links in a folder of
// the copy's own, so that whatever a target does to them stays there.
import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
const COPIED = ['Makefile', 'assembly', 'docker-compose.yml', 'openapi.json', 'package-lock.json', 'package.json']
const ALSO_COPIED = ['scripts', 'src', 'tsconfig.build.json', 'tsconfig.json']
const INSTALLED = '.modelyard-installed'

export interface Ran {
  readonly code: number | null
  /** Both outputs, in the order in which they came. */
  readonly said: string
}

export interface Checkout extends AsyncDisposable {
  readonly folder: string
  /** Where the service of this copy listens, once it is started. */
  readonly url: string
  make(...words: string[]): Promise<Ran>
  /** Stopped by whoever starts it. */
  begin(...words: string[]): ChildProcess
  /** Of the process that `make start` started. */
  pidFile: string
}

export async function makeCheckout(settings: Readonly<Record<string, string>> = {}): Promise<Checkout> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-make-'))
  for (const name of [...COPIED, ...ALSO_COPIED]) {
    await cp(join(ROOT, name), join(folder, name), { recursive: true, preserveTimestamps: true })
  }
  const packages = join(folder, 'node_modules')
  await mkdir(packages)
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (name !== INSTALLED) await symlink(join(ROOT, 'node_modules', name), join(packages, name))
  }
  await writeFile(join(packages, INSTALLED), '')
  const port = await freePort()
  const { PATH = '', HOME = '', TMPDIR } = process.env
  const env = { PATH, HOME, ...(TMPDIR && { TMPDIR }), NO_COLOR: '1', SERVICE_PORT: String(port), ...settings }
  const begin = (...words: string[]) =>
    spawn('make', words, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const make = (...words: string[]) =>
    new Promise<Ran>((done, failed) => {
      const child = begin(...words)
      let said = ''
      for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => (said += chunk))
      child.once('error', failed)
      // Not 'close': the service that `make start` leaves behind is told by the end of make, not by that of its outputs.
      child.once('exit', (code) => setImmediate(() => done({ code, said })))
    })
  return {
    folder,
    url: `http://127.0.0.1:${port}`,
    make,
    begin,
    pidFile: join(folder, settings.DATA_DIR ?? '.modelyard', 'service.pid'),
    async [Symbol.asyncDispose]() {
      await make('stop')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function freePort(): Promise<number> {
  return new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => found(port))
    })
  })
}
