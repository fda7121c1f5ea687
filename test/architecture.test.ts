// The rules of docs/architecture.md, enforced over the sources as text: imports go one way, a third-party package is known
// only to the files that own it, clocks and randomness have one home, files stay small. Each rule is also run over a
// planted violation, so that a rule that sees nothing fails.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..')

interface Source {
  readonly path: string
  readonly text: string
}

const sources: Source[] = globSync('src/**/*.ts', { cwd: ROOT })
  .map((path) => path.replaceAll('\\', '/'))
  // `testing.ts` is what the tests of a folder share; neither is built.
  .filter((path) => !path.endsWith('.test.ts') && !path.endsWith('/testing.ts'))
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))

/** Later layers may import earlier ones, never the other way round. */
const LAYERS: readonly (readonly string[])[] = [
  ['src/contract/'],
  ['src/core/'],
  ['src/ml/', 'src/ports/'],
  ['src/runtime/', 'src/tables/', 'src/jobs/', 'src/events/'],
  ['src/domain/'],
  ['src/travel/'],
]
const SLICES = [
  'access',
  'datasets',
  'models',
  'training',
  'serving',
  'rollouts',
  'batch',
  'schedules',
  'webhooks',
  'features',
  'service',
]
const FACES = ['src/http/', 'src/grpc/', 'src/messaging/', 'src/cli/', 'src/client']
const FACES_MAY_IMPORT = ['src/contract/', 'src/core/']
const ROOTS = ['src/app', 'src/main.ts', 'src/index.ts', 'src/library']

/** Package → the files that may import it. `typebox` is the contract's language and free to all. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/client-s3': ['src/ports/objects/'],
  '@aws-sdk/lib-storage': ['src/ports/objects/'],
  '@duckdb/node-api': ['src/tables/'],
  '@electric-sql/pglite': ['src/ports/db/'],
  '@fastify/multipart': ['src/http/'],
  '@grpc/grpc-js': ['src/grpc/'],
  '@grpc/proto-loader': ['src/grpc/'],
  '@grpc/reflection': ['src/grpc/'],
  '@nats-io/jetstream': ['src/ports/bus/'],
  '@nats-io/transport-node': ['src/ports/bus/', 'src/client-nats.ts'],
  '@opentelemetry/api': ['src/ports/traces/'],
  '@opentelemetry/exporter-trace-otlp-http': ['src/ports/traces/'],
  '@opentelemetry/resources': ['src/ports/traces/'],
  '@opentelemetry/sdk-trace': ['src/ports/traces/'],
  ajv: ['src/core/check.ts'],
  'ajv-formats': ['src/core/check.ts'],
  commander: ['src/cli/'],
  'cron-parser': ['src/jobs/'],
  fastify: ['src/http/', 'src/index.ts', 'src/library/'],
  'grpc-health-check': ['src/grpc/'],
  ioredis: ['src/ports/cache/'],
  kysely: ['src/ports/db/', 'src/domain/', 'src/jobs/', 'src/events/'],
  'lru-cache': ['src/ports/cache/', 'src/domain/serving/'],
  'onnxruntime-node': ['src/runtime/'],
  pg: ['src/ports/db/'],
  'pg-boss': ['src/jobs/'],
  pino: ['src/core/log.ts'],
  'prom-client': ['src/core/metrics.ts'],
  standardwebhooks: ['src/events/'],
  typebox: ['src/'],
  yaml: ['src/domain/models/mlflow/'],
}

/** Pattern → its home. */
const HOMES: readonly { readonly pattern: RegExp; readonly homes: readonly string[] }[] = [
  { pattern: /\bDate\.now\(|\bnew Date\(\)/, homes: ['src/core/clock.ts', 'src/core/ids.ts'] },
  { pattern: /\bMath\.random\(/, homes: ['src/core/backoff.ts'] },
  { pattern: /\bprocess\.env\b/, homes: ['src/config.ts'] },
  {
    pattern: /\bprocess\.exit\(/,
    homes: ['src/main.ts', 'src/jobs/isolated.ts', 'src/jobs/leash.ts', 'src/ports/db/embedded/make.ts'],
  },
]

const MAX_LINES = 300
/** Longer files, each with its reason. */
const LONGER: Readonly<Record<string, string>> = {}

function importsOf({ path, text }: Source): string[] {
  const found = text.matchAll(/(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g)
  return [...found].map((match) => {
    const target = match[1] ?? match[2]!
    return target.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(path), target)).replaceAll('\\', '/') : target
  })
}

const startsWithAny = (path: string, prefixes: readonly string[]) => prefixes.some((prefix) => path.startsWith(prefix))
const layerOf = (path: string) => LAYERS.findIndex((prefixes) => startsWithAny(path, prefixes))
const sliceOf = (path: string) => SLICES.indexOf(/^src\/domain\/([^/]+)\//.exec(path)?.[1] ?? '')

function wrongImports(list: readonly Source[]): string[] {
  return list.flatMap((source) =>
    importsOf(source)
      .filter((target) => target.startsWith('src/'))
      .flatMap((target) => {
        const problem = importProblem(source.path, target)
        return problem ? [`${source.path} → ${target}: ${problem}`] : []
      }),
  )
}

function importProblem(from: string, to: string): string | undefined {
  if (startsWithAny(from, ROOTS)) return undefined
  if (startsWithAny(to, ROOTS)) return 'nothing imports the composition root'
  if (to === 'src/config.ts') return from === 'src/config.ts' ? undefined : 'configuration is handed over, not imported'
  if (from === 'src/config.ts') return startsWithAny(to, FACES_MAY_IMPORT) ? undefined : 'config knows only core'
  if (startsWithAny(from, FACES)) {
    const own = FACES.find((face) => from.startsWith(face))!
    const allowed = startsWithAny(to, FACES_MAY_IMPORT) || to.startsWith(own) || to.startsWith('src/client')
    return allowed ? undefined : 'a face imports only contract and core'
  }
  if (startsWithAny(to, FACES)) return 'nothing but the composition root imports a face'
  if (layerOf(from) < layerOf(to)) return 'goes up the layers'
  return sliceProblem(from, to)
}

function sliceProblem(from: string, to: string): string | undefined {
  const [a, b] = [sliceOf(from), sliceOf(to)]
  if (a < 0 || b < 0 || a === b) return undefined
  if (a < b) return 'an earlier slice imports a later one'
  return to.endsWith('/index.ts') ? undefined : 'a slice is imported by its index.ts'
}

function strayPackages(list: readonly Source[]): string[] {
  return list.flatMap((source) =>
    importsOf(source)
      .filter((target) => !target.startsWith('src/') && !target.startsWith('node:'))
      .map((target) => packageOf(target))
      .filter((name) => !startsWithAny(source.path, OWNERS[name] ?? []))
      .map((name) => `${source.path} imports ${name}`),
  )
}

function packageOf(target: string): string {
  const parts = target.split('/')
  return target.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!
}

function homeless(list: readonly Source[]): string[] {
  return list.flatMap(({ path, text }) => {
    const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    return HOMES.filter(({ pattern, homes }) => pattern.test(code) && !homes.includes(path)).map(
      ({ pattern }) => `${path} uses ${pattern.source}`,
    )
  })
}

function tooLong(list: readonly Source[]): string[] {
  return list
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ path, lines }) => lines > MAX_LINES && !(path in LONGER))
    .map(({ path, lines }) => `${path} has ${lines} lines`)
}

describe('the sources', () => {
  it('import one way', () => expect(wrongImports(sources)).toEqual([]))
  it('import packages only where they are owned', () => expect(strayPackages(sources)).toEqual([]))
  it('keep clock, randomness, environment and exit in their homes', () => expect(homeless(sources)).toEqual([]))
  it(`have at most ${MAX_LINES} lines a file`, () => expect(tooLong(sources)).toEqual([]))
  it('are really read', () => expect(sources.length).toBeGreaterThan(50))
  it('name every package that package.json lists', () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
    }
    expect(Object.keys(OWNERS).sort()).toEqual(Object.keys(dependencies).sort())
  })
})

describe('a planted violation is seen', () => {
  const planted = (path: string, text: string): Source[] => [{ path, text }]
  it.each([
    ['core importing a port', 'src/core/x.ts', "import { a } from '../ports/db/index.ts'"],
    ['a face importing a slice', 'src/http/x.ts', "import { a } from '../domain/models/index.ts'"],
    ['a slice importing a later one', 'src/domain/models/x.ts', "import { a } from '../training/index.ts'"],
    ['a slice reaching past an index', 'src/domain/training/x.ts', "import { a } from '../models/store.ts'"],
    ['a dynamic import up the layers', 'src/ml/x.ts', "const a = await import('../runtime/index.ts')"],
  ])('%s', (_name, path, text) => expect(wrongImports(planted(path, text))).toHaveLength(1))
  it('a package outside its owner', () =>
    expect(strayPackages(planted('src/domain/x.ts', "import { Pool } from 'pg'"))).toHaveLength(1))
  it('a package nobody owns', () =>
    expect(strayPackages(planted('src/core/x.ts', "import x from 'left-pad'"))).toHaveLength(1))
  it('a stray clock', () => expect(homeless(planted('src/ml/x.ts', 'const t = Date.now()'))).toHaveLength(1))
  it('but not one in a comment', () => expect(homeless(planted('src/ml/x.ts', '// not Date.now()'))).toEqual([]))
  it('a long file', () => expect(tooLong(planted('src/ml/x.ts', 'x\n'.repeat(301)))).toHaveLength(1))
})
