// A server that speaks PostgREST's protocol over a real PostgreSQL: keys, filters by `in` and `eq`, renamed columns, ranges, its
// errors as JSON; and that can be made to fail. (No package of PostgREST itself is to be had where these tests run.)
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'

export const SERVICE_KEY = 'service-key-of-the-operator'

/** `endless`: no answer ever; `everything`: answers as if there were no filters. */
export type Fault = 'none' | 'endless' | 'status' | 'garbage' | 'cut off' | 'everything' | 'redirect'

export interface TestPostgrest extends AsyncDisposable {
  readonly url: string
  /** Of every request. */
  readonly asked: URL[]
  fault: Fault
  /** Rows a reply has at most. */
  maxRows: number
  query(text: string): Promise<void>
}

export async function startPostgrest(databaseUrl: string): Promise<TestPostgrest> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 })
  // `end` is over before its connections are, and a database that is dropped then breaks them.
  pool.on('connect', (client) => client.on('error', () => {}))
  const server = createServer((request, reply) => void answer(request, reply))
  const asked: URL[] = []
  const place: TestPostgrest = {
    url: `http://127.0.0.1:${await portOf(server)}`,
    asked,
    fault: 'none',
    maxRows: 1000,
    query: async (text) => void (await pool.query(text)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await pool.end()
    },
  }

  async function answer(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const url = new URL(request.url!, place.url)
    asked.push(url)
    const send = (status: number, body: unknown, headers = {}) => {
      reply.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
      reply.end(typeof body === 'string' ? body : JSON.stringify(body))
    }
    if (place.fault === 'endless') return
    if (place.fault === 'status') return send(503, { code: 'PGRST001', message: 'Database client error' })
    if (place.fault === 'garbage') return send(200, '<html>[{"id": NaN')
    if (place.fault === 'cut off') return void reply.destroy()
    if (place.fault === 'redirect') return send(307, '', { location: `${place.url}/elsewhere` })
    const { apikey, authorization } = request.headers
    if (apikey !== SERVICE_KEY || authorization !== `Bearer ${SERVICE_KEY}`) {
      return send(401, { code: 'PGRST301', message: 'JWSError JWSInvalidSignature', details: null, hint: null })
    }
    try {
      const { text, values } = statementOf(url, place.fault === 'everything')
      const { rows } = await pool.query<{ row: unknown }>(text, values)
      const shown = rows.slice(0, place.maxRows).map(({ row }) => row)
      const status = shown.length < rows.length ? 206 : 200
      send(status, shown, { 'content-range': `0-${shown.length - 1}/${rows.length}` })
    } catch (error) {
      const { code = 'XX000', message } = error as { code?: string; message: string }
      if (code === '42P01') send(404, { code: 'PGRST205', message: 'Could not find the table in the schema cache' })
      else send(400, { code, message, details: null, hint: null })
    }
  }
  return place
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const name = (text: string) => `"${text.replaceAll('"', '""')}"`

/** `select=a:b,c` and filters `column=in.("x","y")`, `column=eq.x`. Values are read as the column's type, as PostgREST does. */
function statementOf(url: URL, everything: boolean) {
  const match = /^\/rest\/v1\/([^/]+)$/.exec(url.pathname)
  if (!match) throw Object.assign(new Error('no such path'), { code: '42P01' })
  const values: string[] = []
  const value = (text: string) => `$${values.push(text)}`
  const columns = url.searchParams
    .get('select')!
    .split(',')
    .map((item) => {
      const [alias, column] = item.split(':') as [string, string]
      const [head, ...path] = column.split('->')
      return `${path.reduce((place, key) => `${place} -> '${key}'`, name(head!))} as ${name(alias)}`
    })
  const filters = [...url.searchParams].flatMap(([column, filter]) => {
    if (column === 'select' || everything) return []
    const list = /^in\.\((.*)\)$/s.exec(filter)
    const wanted = list ? itemsOf(list[1]!) : [filter.replace(/^eq\./, '')]
    return [`${name(column)} in (${wanted.map(value).join(', ')})`]
  })
  const where = filters.length > 0 ? `where ${filters.join(' and ')}` : ''
  return {
    text: `select to_json(r) as row from (select ${columns.join(', ')} from ${name(match[1]!)} ${where}) r`,
    values,
  }
}

function itemsOf(list: string): string[] {
  return [...list.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, item]) => item!.replaceAll(/\\(.)/gs, '$1'))
}
