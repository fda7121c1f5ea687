// After the compiler: the modules of dist become a few files, libraries of many small modules with them (decision 063). A module costs
// half a millisecond of a start whatever its size, and a start had 900 of them. What is a program or a face of the package keeps its
// path; the rest goes to dist/chunks, libraries with their licences to dist/vendor. The sources go on importing the packages, and the
// declarations too.
import { globSync, readFileSync, rmSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Plugin, rolldown } from 'rolldown'

const DIST = resolve('dist')
const PLACE = 'virtual:place'
/** What a library needs stands before it, or it would go into the same file. */
const LIBRARIES = ['fast-deep-equal', 'fast-uri', 'json-schema-traverse', 'ajv', 'ajv-formats', 'kysely', 'typebox']
/** What package.json and the image name. */
const FACES = ['main', 'index', 'client', 'client-nats', 'app/prepare']
/** Every module that knows where it lies, and the programs it starts or names from there. Those must be files of their own. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  'app/version': [],
  'domain/models/importing/try-out': ['domain/models/importing/reading', 'domain/models/importing/trial'],
  'domain/serving/explain/thread': ['domain/serving/explain/worker'],
  'domain/training/pipeline/environment': [],
  'domain/training/pipeline/fit-threads': ['domain/training/pipeline/fit-thread'],
  'domain/training/quantize/quantize': ['domain/training/quantize/child'],
  'domain/training/table-work': ['domain/training/pipeline/child'],
  'grpc/server': [],
  'jobs/hold-leash': ['jobs/leash'],
  'jobs/preparation': ['jobs/preparation'],
  'ml/learn/softmax-kernel': [],
  'ml/learn/trees/kernel-wasm': [],
  'ml/learn/trees/team': ['ml/learn/trees/thread'],
  'ports/db/embedded/open': ['ports/db/embedded/make'],
  'ports/db/embedded/server': ['ports/db/embedded/worker'],
  'ports/db/embedded/template': [],
  'runtime/start-process': ['runtime/process'],
  'runtime/thread': ['runtime/worker'],
  'travel/notify/train': ['travel/notify/child'],
  'travel/recommend/train': ['travel/recommend/fit'],
}
/** Read as text: the name of the embedded database's template depends on them. */
const ALSO_READ = 'ports/db/migrations/*.js'

const compiled = globSync('**/*.js', { cwd: DIST, exclude: ['chunks/**', 'vendor/**'] }).map(slashed)
const knowing = compiled.filter((file) => readFileSync(join(DIST, file), 'utf8').includes('import.meta'))
const listed = Object.keys(PROGRAMS).map((name) => `${name}.js`)
const surprises = [
  ...knowing.filter((file) => !listed.includes(file)),
  ...listed.filter((file) => !knowing.includes(file)),
]
if (surprises.length > 0) throw new Error(`scripts/bundle.ts: what is started from ${surprises.join(', ')}?`)

const entries = [...FACES, ...Object.values(PROGRAMS).flat()]
const exported = await exportsOf(FACES.filter((name) => !name.includes('/') && name !== 'main'))
for (const folder of ['chunks', 'vendor']) rmSync(join(DIST, folder), { recursive: true, force: true })
const build = await rolldown({
  input: Object.fromEntries(entries.map((name) => [name, join(DIST, `${name}.js`)])),
  platform: 'node',
  preserveEntrySignatures: 'strict',
  external: (id) => !id.startsWith('.') && !isAbsolute(id) && id !== PLACE && !LIBRARIES.some((name) => isOf(name, id)),
  plugins: [places()],
})
const { output } = await build.write({
  dir: DIST,
  format: 'esm',
  // Errors are named after their classes.
  keepNames: true,
  entryFileNames: '[name].js',
  chunkFileNames: ({ name }) => (name.startsWith('vendor/') ? '[name].js' : 'chunks/[name]-[hash].js'),
  banner: ({ name }) => (name.startsWith('vendor/') ? `/*! ${name.slice(7)}\n\n${licenceOf(name.slice(7))}*/` : ''),
  codeSplitting: {
    groups: [
      { name: 'place', test: PLACE },
      ...LIBRARIES.map((name) => ({ name: `vendor/${name}`, test: new RegExp(`node_modules[\\\\/]${name}[\\\\/]`) })),
    ],
  },
})
await build.close()

const kept = new Set([...output.map(({ fileName }) => fileName), ...globSync(ALSO_READ, { cwd: DIST }).map(slashed)])
for (const file of compiled) if (!kept.has(file)) rmSync(join(DIST, file))
for (const chunk of output) {
  if (chunk.type !== 'chunk') continue
  const before = exported.get(chunk.fileName)
  if (before !== undefined && String(chunk.exports.toSorted()) !== before)
    throw new Error(`${chunk.fileName} exports something else than before: ${chunk.exports}`)
  // What a library requires would be looked for from dist, where only what package.json names is sure to be found.
  const required = /\b__require\("([^"]+)"\)/.exec(chunk.code)?.[1]
  if (required !== undefined) throw new Error(`${chunk.fileName} requires ${required}: bundle it as well`)
}

/** A module that moves to another file goes on knowing where it lay. */
function places(): Plugin {
  return {
    name: 'places',
    resolveId: (id) => (id === PLACE ? id : undefined),
    load: (id) =>
      id === PLACE ? 'export const placeOf = (path) => new URL("../" + path, import.meta.url).href' : undefined,
    transform(code, id) {
      if (!id.startsWith(DIST) || !code.includes('import.meta')) return
      const place = `placeOf(${JSON.stringify(slashed(relative(DIST, id)))})`
      return `import { placeOf } from '${PLACE}'\n${code.replaceAll('import.meta.url', place)}`
    },
  }
}

async function exportsOf(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = names.map(async (name) => {
    const module: object = await import(pathToFileURL(join(DIST, `${name}.js`)).href)
    return [`${name}.js`, String(Object.keys(module).toSorted())] as const
  })
  return new Map(await Promise.all(found))
}

function isOf(library: string, id: string): boolean {
  return id === library || id.startsWith(`${library}/`)
}

function licenceOf(name: string): string {
  const folder = dirname(findPackageJSON(name, import.meta.url) ?? name)
  const [file] = globSync('{LICENSE,license}*', { cwd: folder })
  if (file === undefined) throw new Error(`${name} comes without a licence to pass on`)
  return readFileSync(join(folder, file), 'utf8')
}

function slashed(path: string): string {
  return path.replaceAll('\\', '/')
}
