// One question to PostgREST: rows of a table by key. Whatever comes back is held against what was asked: a row of another tenant,
// of another id or twice the same id is not believed, even should the server have ignored the filter.
import type { SourceRow } from './index.ts'
import type { SourceTable } from './mapping.ts'

const MAX_BYTES = 8 * 1024 * 1024
/** SQLSTATE class 22: the value cannot be one of this column, so there is no such row. */
const NO_SUCH_VALUE = /^22/

export interface Server {
  readonly url: string
  readonly key: string
}

export interface Question {
  readonly server: Server
  readonly table: SourceTable
  /** What the tenant column must say; undefined where the whole table is the tenant's. */
  readonly tenantValue: string | undefined
  readonly ids: readonly string[]
  readonly signal: AbortSignal
}

export interface Answer {
  readonly rows: ReadonlyMap<string, SourceRow | null>
  /** What was not believed, in words; without values. */
  readonly doubts: readonly string[]
}

/** One an id. @throws what went wrong: no connection, no time left, a status that is none of ours to mend, not JSON. */
export async function askPostgrest(question: Question): Promise<Answer> {
  const found = new Map<string, SourceRow[]>()
  const doubts = new Set<string>()
  let left = question.ids
  // A server may cut a reply after so many rows; what is missing is asked for again while more comes.
  while (left.length > 0) {
    const { rows, total } = await askOnce({ ...question, ids: left })
    if (rows === 'no such value') return halves(question)
    for (const row of rows) collect(question, { row, found, doubts })
    const missing = left.filter((id) => !found.has(id))
    if (total <= rows.length || missing.length === left.length) break
    left = missing
  }
  if ([...found.values()].some((rows) => rows.length > 1)) doubts.add('several rows of one id')
  const one = (id: string) => (found.get(id)?.length === 1 ? found.get(id)![0]! : null)
  return { rows: new Map(question.ids.map((id) => [id, one(id)])), doubts: [...doubts] }
}

/** One impossible id makes the server refuse them all. */
async function halves(question: Question): Promise<Answer> {
  const { ids } = question
  if (ids.length === 1) return { rows: new Map([[ids[0]!, null]]), doubts: [] }
  const middle = ids.length >> 1
  const [first, second] = await Promise.all([
    askPostgrest({ ...question, ids: ids.slice(0, middle) }),
    askPostgrest({ ...question, ids: ids.slice(middle) }),
  ])
  return { rows: new Map([...first.rows, ...second.rows]), doubts: [...first.doubts, ...second.doubts] }
}

interface Collected {
  readonly row: unknown
  readonly found: Map<string, SourceRow[]>
  readonly doubts: Set<string>
}

function collect({ table, tenantValue, ids }: Question, { row, found, doubts }: Collected): void {
  if (row === null || typeof row !== 'object' || Array.isArray(row)) throw new Error('a row is not an object')
  const cells = row as Readonly<Record<string, unknown>>
  if (tenantValue !== undefined && textOf(cells.tenant) !== tenantValue) {
    doubts.add('rows of another tenant than asked for')
    return
  }
  const id = textOf(cells.id)
  if (id === undefined || !ids.includes(id)) {
    doubts.add('rows that were not asked for')
    return
  }
  const values = Object.keys(table.columns).map((feature, index) => [feature, cells[`f${index}`] ?? null] as const)
  found.set(id, [...(found.get(id) ?? []), Object.fromEntries(values)])
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return Number.isSafeInteger(value) ? String(value) : undefined
}

interface Page {
  readonly rows: readonly unknown[] | 'no such value'
  /** Rows there are, whatever the reply was cut to. */
  readonly total: number
}

async function askOnce({ server, table, tenantValue, ids, signal }: Question): Promise<Page> {
  const columns = Object.values(table.columns).map((column, index) => `f${index}:${column}`)
  const tenant = table.tenant_column
  const query = new URLSearchParams({
    select: [`id:${table.id_column}`, ...(tenant ? [`tenant:${tenant}`] : []), ...columns].join(','),
    [table.id_column]: `in.(${ids.map(quoted).join(',')})`,
  })
  if (tenant && tenantValue !== undefined) query.append(tenant, `eq.${tenantValue}`)
  const reply = await fetch(`${server.url}/${table.table}?${query}`, {
    headers: {
      apikey: server.key,
      authorization: `Bearer ${server.key}`,
      accept: 'application/json',
      prefer: 'count=exact',
      ...(table.schema !== undefined && { 'accept-profile': table.schema }),
    },
    // The key goes to no other server.
    redirect: 'error',
    signal,
  })
  const body = await jsonOf(reply)
  if (reply.ok) {
    if (!Array.isArray(body)) throw new Error('the reply is not a list of rows')
    return { rows: body, total: Number(/\/(\d+)$/.exec(reply.headers.get('content-range') ?? '')?.[1] ?? body.length) }
  }
  const code = body !== null && typeof body === 'object' ? String((body as { code?: unknown }).code ?? '') : ''
  if (reply.status === 400 && NO_SUCH_VALUE.test(code)) return { rows: 'no such value', total: 0 }
  throw new Error(`status ${reply.status}${/^[A-Z0-9]{5,8}$/.test(code) ? ` (${code})` : ''}`)
}

/** As PostgREST reads values in lists: within quotes only the quote and the backslash mean something. */
function quoted(id: string): string {
  return `"${id.replaceAll(/["\\]/g, '\\$&')}"`
}

async function jsonOf(reply: Response): Promise<unknown> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of reply.body ?? []) {
    size += part.byteLength
    if (size > MAX_BYTES) throw new Error(`the reply is longer than ${MAX_BYTES} bytes`)
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch {
    if (reply.ok) throw new Error('the reply is not JSON')
    return undefined
  }
}
