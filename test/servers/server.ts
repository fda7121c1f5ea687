// What every test server can do. Fault tests own one of these; the shared ones of a run are never stopped by a test.
import { type Daemon, removeDirectory } from './process.ts'

export interface RestartOptions {
  /** Start with an empty store, as after a lost disk. */
  readonly fresh?: boolean
}

export interface TestServer extends AsyncDisposable {
  /** With credentials. The same before and after a restart. */
  readonly url: string
  stop(): Promise<void>
  /** SIGKILL; the store stays as it was at that moment. */
  kill(): Promise<void>
  restart(options?: RestartOptions): Promise<void>
  /** Stops answering while keeping its connections open (SIGSTOP), until `thaw`. */
  freeze(): void
  thaw(): void
}

export interface ServerParts {
  readonly url: string
  readonly directory: string
  readonly stopSignal: NodeJS.Signals
  /** Starts the process and resolves once it answers. */
  readonly start: () => Promise<Daemon>
  readonly clear: () => Promise<void>
  /** Runs after the server itself has stopped for good. */
  readonly afterwards?: () => Promise<void>
}

export async function testServer(parts: ServerParts): Promise<TestServer> {
  let daemon = await parts.start()
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    daemon.signal('SIGCONT')
    await daemon.stop(parts.stopSignal)
    await parts.afterwards?.()
    await removeDirectory(parts.directory)
  }
  return {
    url: parts.url,
    stop,
    [Symbol.asyncDispose]: stop,
    kill: () => daemon.stop('SIGKILL'),
    async restart({ fresh = false } = {}) {
      await daemon.stop(fresh ? 'SIGKILL' : parts.stopSignal)
      if (fresh) await parts.clear()
      daemon = await parts.start()
    },
    freeze: () => daemon.signal('SIGSTOP'),
    thaw: () => daemon.signal('SIGCONT'),
  }
}
