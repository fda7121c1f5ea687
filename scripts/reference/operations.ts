// docs/reference/operations.md, from the table of operations.
import type { Operation } from '../../src/contract/operation.ts'
import { operations } from '../../src/contract/operations/index.ts'
import { code, page, table } from './markdown.ts'

const REPLY: Readonly<Record<Operation['reply'], string>> = {
  envelope: '`{success, message?, data}`',
  bare: 'the document itself',
  download: 'a file',
  events: 'server-sent events',
  probe: 'the document itself, 503 when not ready',
}

export function operationsPage(): string {
  const all = Object.entries(operations) as [string, Operation][]
  const tags = [...new Set(all.map(([, { tag }]) => tag))]
  return page(
    '# Operations',
    'The service answers these operations. HTTP routes, their checks, `openapi.json`, the typed client and the command line are made ' +
      'from this one table. Shapes are in [openapi.json](../../openapi.json), and on `/docs` of a running service. The typed client has ' +
      'each as a method of the same name: `client.models.train({…})`. An operation marked * honours `Idempotency-Key`.',
    ...tags.flatMap((tag) => [
      `## ${tag}`,
      table(
        ['Operation', 'Request', 'Fields', 'Reply', 'What it does'],
        all.filter(([, operation]) => operation.tag === tag).map(([name, operation]) => row(name, operation)),
      ),
    ]),
    '## Beside the operations',
    table(
      ['Request', 'What it gives'],
      [
        [code('GET /metrics'), 'Prometheus metrics, see [metrics](metrics.md)'],
        [code('GET /openapi.json'), 'this table as OpenAPI 3.1'],
        [code('GET /docs'), 'the same as a page'],
        [code('GET /'), 'leads to `/docs`'],
      ],
    ),
  )
}

function row(name: string, operation: Operation): string[] {
  const { method, path, reply, status, summary, idempotent, kind } = operation
  return [
    `${code(name)}${idempotent ? ' \\*' : ''} (${kind})`,
    code(`${method} ${path}`),
    fields(operation),
    `${status}, ${REPLY[reply]}`,
    summary,
  ]
}

/** Beside those in the path; a `?` marks what may be left out. */
function fields({ input, path, body }: Operation): string {
  const { properties = {}, required = [] } = input as { properties?: Record<string, unknown>; required?: string[] }
  if (body === 'row') return 'the row is the body'
  const names = Object.keys(properties).filter((name) => !path.includes(`{${name}}`))
  const shown = names.map((name) => code(required.includes(name) ? name : `${name}?`))
  if (body === 'file') shown.unshift(code('file'))
  if (body === 'fields-or-file') shown.unshift(code('file?'))
  return shown.length === 0 ? '–' : shown.join(', ')
}
