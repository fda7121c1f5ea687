// The servers of one test run: each is found or started when the first test file asks for it, and shared by all of them.
// Test files live in other processes, so they ask over a Unix socket; a run that needs no server starts none.
import { createServer, request } from 'node:http'
import { join } from 'node:path'
import { type Found, findServer, type ServerName, type ServerPlaces, SOURCES } from './find.ts'
import { removeDirectory, removeStaleDirectories, workDirectory } from './process.ts'

export type Answer<Name extends ServerName> =
  | { readonly place: ServerPlaces[Name]; readonly missing?: undefined }
  | { readonly place?: undefined; readonly missing: string }

export interface ServerPool extends AsyncDisposable {
  readonly socket: string
  get<Name extends ServerName>(name: Name): Promise<Answer<Name>>
}

export async function openPool(): Promise<ServerPool> {
  const started = new Map<ServerName, Promise<Found<unknown>>>()
  const get = async <Name extends ServerName>(name: Name): Promise<Answer<Name>> => {
    if (!started.has(name)) started.set(name, findServer(name))
    try {
      const { place } = await started.get(name)!
      return { place: place as ServerPlaces[Name] }
    } catch (error) {
      return { missing: error instanceof Error ? error.message : String(error) }
    }
  }
  await removeStaleDirectories()
  const directory = await workDirectory('pool')
  const socket = join(directory, 'socket')
  const listener = createServer((incoming, reply) => {
    const name = incoming.url?.slice(1) ?? ''
    if (!isServerName(name)) return void reply.writeHead(404).end()
    void get(name).then((answer) => reply.end(JSON.stringify(answer)))
  })
  await new Promise<void>((resolve) => listener.listen(socket, resolve))
  return {
    socket,
    get,
    async [Symbol.asyncDispose]() {
      listener.close()
      listener.closeAllConnections()
      const all = await Promise.allSettled(started.values())
      await Promise.all(all.map((one) => one.status === 'fulfilled' && one.value.server?.stop()))
      await removeDirectory(directory)
    },
  }
}

export const SERVER_NAMES = Object.keys(SOURCES) as readonly ServerName[]

function isServerName(name: string): name is ServerName {
  return (SERVER_NAMES as readonly string[]).includes(name)
}

/** Asks a pool in another process. */
export function askPool<Name extends ServerName>(socketPath: string, name: Name): Promise<Answer<Name>> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path: `/${name}`, agent: false }, (reply) => {
      let text = ''
      reply.setEncoding('utf8')
      reply.on('data', (chunk: string) => (text += chunk))
      reply.on('end', () => resolve(JSON.parse(text)))
    })
    asking.on('error', reject).end()
  })
}
