// GET /docs: one page that reads /openapi.json in the browser and lists the operations. No third-party script, style or
// font, so it works behind a firewall and under a strict content policy (service-routes.ts makes that from these parts).

export interface DocsPage {
  readonly html: string
  readonly style: string
  readonly script: string
}

export function docsPage(): DocsPage {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Modelyard API</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>Modelyard <small id="version"></small></h1>
<p id="about">Reading <a href="openapi.json">openapi.json</a> …</p>
<input id="filter" type="search" placeholder="Filter operations" aria-label="Filter operations" autocomplete="off">
</header>
<main id="operations"></main>
<noscript><p>This page needs JavaScript; <a href="openapi.json">openapi.json</a> does not.</p></noscript>
<script>${script}</script>
</body>
</html>
`
  return { html, style, script }
}

const style = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #d9dfe7; --ground: #fff; --raised: #f6f8fa; --mark: #0b63ce; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9f0; --soft: #97a3b4; --line: #313a47; --ground: #12161c; --raised: #1a2029; --mark: #6db0ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 6rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); }
h1 { margin: 0; font-size: 1.6rem; }
h1 small, .soft { color: var(--soft); font-weight: 400; }
h2 { margin: 2.25rem 0 .5rem; font-size: 1.05rem; }
h3 { margin: 1rem 0 .35rem; font-size: .85rem; color: var(--soft); text-transform: uppercase; letter-spacing: .04em; }
a { color: var(--mark); }
input { width: 100%; padding: .55rem .7rem; font: inherit; color: inherit; background: var(--raised); border: 1px solid var(--line); border-radius: 6px; }
details.operation { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; }
details.operation > summary { display: flex; flex-wrap: wrap; gap: .2rem .75rem; align-items: baseline; padding: .5rem .75rem; cursor: pointer; list-style: none; }
details.operation[open] > summary { border-bottom: 1px solid var(--line); background: var(--raised); }
details.operation > div { padding: .25rem .9rem 1rem; overflow-x: auto; }
.method { min-width: 4rem; font: 700 .75rem/1 ui-monospace, monospace; color: var(--mark); }
code, pre { font: .85rem/1.45 ui-monospace, monospace; }
pre { margin: .25rem 0; padding: .6rem .75rem; background: var(--raised); border-radius: 6px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
td { padding: .25rem .75rem .25rem 0; border-top: 1px solid var(--line); vertical-align: top; }
td:first-child { white-space: nowrap; }
.required { color: #c0392b; }
`

// Everything is made by element(), whose texts are text nodes: nothing of the document is ever read as HTML.
const script = `
'use strict'
const METHODS = ['get', 'post', 'put', 'patch', 'delete']
const place = document.getElementById('operations')
function element(tag, attributes, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value)
  node.append(...children.filter((child) => child !== undefined))
  return node
}
function resolve(api, node) {
  if (!node || !node.$ref) return node || {}
  return node.$ref.slice(2).split('/').reduce((at, key) => at[key], api)
}
function typeOf(api, schema) {
  if (schema.$ref) return schema.$ref.split('/').pop()
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if ('const' in schema) return JSON.stringify(schema.const)
  if (schema.anyOf) return schema.anyOf.map((branch) => typeOf(api, branch)).join(' | ')
  if (schema.type === 'array') return typeOf(api, schema.items || {}) + '[]'
  return schema.format || schema.type || 'any'
}
function rules(schema) {
  const named = ['default', 'minimum', 'exclusiveMinimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'pattern']
  return named.filter((rule) => rule in schema).map((rule) => rule + ' ' + JSON.stringify(schema[rule])).join(', ')
}
function inner(api, schema) {
  const plain = resolve(api, schema)
  if (plain.properties) return plain
  if (plain.items) return inner(api, plain.items)
  const branch = (plain.anyOf || []).find((one) => inner(api, one))
  return branch && inner(api, branch)
}
function row(api, name, schema, required, depth) {
  const plain = resolve(api, schema)
  const mark = required ? element('span', { class: 'required', title: 'required' }, ' *') : undefined
  const type = element('code', { class: 'soft' }, typeOf(api, schema))
  const more = inner(api, schema)
  const nested = more && depth < 4 ? element('details', {}, element('summary', { class: 'soft' }, 'fields'), fields(api, more, depth + 1)) : undefined
  const limits = rules(plain)
  const words = element('td', {}, type, ' ', schema.description || plain.description || '', limits ? element('span', { class: 'soft' }, ' (' + limits + ')') : undefined, nested)
  return element('tr', {}, element('td', {}, element('code', {}, name), mark), words)
}
function fields(api, schema, depth) {
  const plain = resolve(api, schema)
  if (!plain.properties) return element('table', {}, row(api, 'body', schema, true, depth))
  const required = plain.required || []
  return element('table', {}, ...Object.entries(plain.properties).map(([name, field]) => row(api, name, field, required.includes(name), depth)))
}
function contents(api, title, content) {
  return Object.entries(content || {}).flatMap(([type, { schema }]) => [element('h3', {}, title + ' · ' + type), fields(api, schema, 0)])
}
function body(api, path, method, operation) {
  const parts = []
  const parameters = operation.parameters.map((one) => resolve(api, one))
  const table = parameters.map((one) => row(api, one.name + ' (' + one.in + ')', { ...one.schema, description: one.description }, one.required, 0))
  if (table.length) parts.push(element('h3', {}, 'Parameters'), element('table', {}, ...table))
  parts.push(...contents(api, 'Body', operation.requestBody && operation.requestBody.content))
  for (const [status, reply] of Object.entries(operation.responses)) {
    if (status < '300') parts.push(...contents(api, status, resolve(api, reply).content))
  }
  const errors = Object.entries(operation.responses).filter(([status]) => status >= '400')
  if (errors.length) parts.push(element('h3', {}, 'Errors'), element('table', {}, ...errors.map(([status, reply]) => element('tr', {}, element('td', {}, element('code', {}, status)), element('td', {}, resolve(api, reply).description)))))
  const json = operation.requestBody && operation.requestBody.content['application/json']
  const data = json ? " -H 'content-type: application/json' -d '{…}'" : operation.requestBody ? ' -F file=@path' : ''
  parts.push(element('h3', {}, 'Call'), element('pre', {}, 'curl' + (method === 'get' ? '' : ' -X ' + method.toUpperCase()) + data + " '" + location.origin + path + "'"))
  return element('div', {}, ...parts)
}
function card(api, path, method, operation) {
  const summary = element('summary', {}, element('span', { class: 'method' }, method.toUpperCase()), element('code', {}, path), element('span', { class: 'soft' }, operation.summary))
  const node = element('details', { class: 'operation', id: operation.operationId }, summary)
  node.dataset.text = [operation.operationId, method, path, operation.summary].join(' ').toLowerCase()
  node.addEventListener('toggle', () => {
    if (node.open && node.children.length === 1) node.append(body(api, path, method, { parameters: [], ...operation }))
  })
  return node
}
function show(api) {
  document.getElementById('version').textContent = api.info.version
  document.getElementById('about').replaceChildren(api.info.description + ' ', element('a', { href: 'openapi.json' }, 'openapi.json'))
  for (const { name } of api.tags) {
    const cards = Object.entries(api.paths).flatMap(([path, methods]) =>
      METHODS.filter((method) => methods[method] && methods[method].tags.includes(name)).map((method) => card(api, path, method, methods[method])))
    place.append(element('section', {}, element('h2', {}, name), ...cards))
  }
  const wanted = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (wanted) { wanted.open = true; wanted.scrollIntoView() }
}
document.getElementById('filter').addEventListener('input', (event) => {
  const words = event.target.value.toLowerCase().split(/\\s+/)
  for (const section of place.children) {
    const cards = [...section.querySelectorAll('.operation')]
    for (const one of cards) one.hidden = !words.every((word) => one.dataset.text.includes(word))
    section.hidden = cards.every((one) => one.hidden)
  }
})
fetch('openapi.json').then((reply) => reply.json()).then(show, (error) => { document.getElementById('about').textContent = 'openapi.json could not be read: ' + error })
`
