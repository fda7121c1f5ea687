// What is in deploy/ against the program it starts: every file is read as YAML, and what it names must be there. The chart is read
// with its expressions replaced by its values, which is less than Helm does and needs no Helm.
import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { ConfigSchema, envName } from '../src/config.ts'
import { operations } from '../src/contract/operations/index.ts'
import { createMetrics } from '../src/core/metrics.ts'

type Tree = Record<string, unknown>

const CHART = 'deploy/helm/modelyard'
const values = parse(readFileSync(`${CHART}/values.yaml`, 'utf8')) as Tree
const files = (await readdir('deploy', { recursive: true }))
  .filter((name) => name.endsWith('.yml') || name.endsWith('.yaml'))
  .map((name) => `deploy/${name}`)
const documents = [...files, 'docker-compose.yml'].flatMap((file) => read(file).map((tree) => ({ file, tree })))

const SETTINGS = new Set([...Object.keys(ConfigSchema.properties).map(envName), 'ARTIFACTS_DIR', 'ML_SERVICE_PORT'])
const COMMANDS = ['serve', 'worker', 'migrate']

function read(file: string): Tree[] {
  const text = readFileSync(file, 'utf8')
  // Aliases with `<<` are of YAML 1.1, which Docker reads.
  return parseAllDocuments(file.includes('/templates/') ? rendered(text) : text, { merge: true })
    .map((document) => {
      if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0]!.message}`)
      return document.toJS() as Tree | null
    })
    .filter((tree) => tree !== null)
}

/** Every branch taken; what is inserted as a block, or by a variable, left out; `.Values` looked up. */
function rendered(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*\{\{-? *(\$|(if|else|end|include|toYaml|range|with)\b)/.test(line))
    .join('\n')
    .replaceAll(/\{\{-? *(.*?) *-?\}\}/g, (_, expression: string) => {
      const [, path, quoted] = /^\.Values\.([\w.]+)( \| quote)?$/.exec(expression) ?? []
      if (path !== undefined) return quoted ? JSON.stringify(String(valueAt(path))) : String(valueAt(path))
      if (/^\.(Release\.(Name|Revision|Service)|Chart\.\w+)/.test(expression) || expression.startsWith('include '))
        return 'name'
      throw new Error(`An expression that this test does not know: ${expression}`)
    })
}

function valueAt(path: string): unknown {
  const found = path.split('.').reduce<unknown>((at, key) => (at as Tree | undefined)?.[key], values)
  if (found === undefined) throw new Error(`values.yaml has no ${path}`)
  return found
}

/** Everything called `key`, anywhere. */
function all(tree: unknown, key: string): unknown[] {
  if (tree === null || typeof tree !== 'object') return []
  return Object.entries(tree).flatMap(([name, value]) => [...(name === key ? [value] : []), ...all(value, key)])
}

const ofKind = (kind: string, place: string) =>
  documents.filter(({ file, tree }) => file.startsWith(place) && tree.kind === kind).map(({ tree }) => tree)
const nameOf = (tree: Tree) => (tree.metadata as Tree).name

describe('what is in deploy/', () => {
  it('is all there', () => {
    const kinds = new Set(documents.map(({ tree }) => tree.kind))
    for (const kind of [
      'Deployment',
      'Service',
      'Job',
      'ScaledObject',
      'HorizontalPodAutoscaler',
      'ConfigMap',
      'Secret',
    ])
      expect(kinds).toContain(kind)
    const { resources } = documents.find(({ tree }) => tree.kind === 'Kustomization')!.tree
    const manifests = files.filter(
      (file) => file.startsWith('deploy/kubernetes/') && !file.endsWith('/kustomization.yaml'),
    )
    expect((resources as string[]).map((name) => `deploy/kubernetes/${name}`).sort()).toEqual(manifests.sort())
  })

  it('sets only settings that there are', () => {
    const ours = (service: Tree) => service.image === undefined || String(service.image).startsWith('modelyard')
    const services = documents
      .flatMap(({ tree }) => Object.values((tree.services ?? {}) as Record<string, Tree>))
      .filter(ours)
    const names = [
      ...services.flatMap(({ environment = {} }) => Object.keys(environment as Tree)),
      ...documents.flatMap(({ tree }) => all(tree, 'stringData').flatMap((data) => Object.keys(data as Tree))),
      ...ofKind('ConfigMap', 'deploy/kubernetes').flatMap(({ data }) => Object.keys(data as Tree)),
      ...Object.keys(values.config as Tree),
      ...documents.flatMap(({ tree }) =>
        all(tree, 'env').flatMap((env) => (env as Tree[]).map(({ name }) => String(name))),
      ),
    ]
    expect(names.length).toBeGreaterThan(20)
    expect(names.filter((name) => !SETTINGS.has(name))).toEqual([])
  })

  it('starts only commands that there are, and asks only for paths that are answered', () => {
    const paths = new Set<unknown>(['/metrics', ...Object.values(operations).map(({ path }) => path)])
    for (const kind of ['Deployment', 'Job']) {
      for (const tree of ofKind(kind, 'deploy')) {
        for (const args of all(tree, 'args') as string[][]) expect(COMMANDS).toContain(args[0])
        for (const get of all(tree, 'httpGet') as Tree[]) expect(paths).toContain(get.path)
      }
    }
    for (const name of COMMANDS) {
      expect(readFileSync('src/cli/commands/serve.ts', 'utf8')).toContain(`program.command('${name}')`)
    }
  })

  it('scales by metrics that there are', async () => {
    const metrics = new Set((await createMetrics().registry.getMetricsAsJSON()).map(({ name }) => name))
    const queries = ofKind('ScaledObject', 'deploy').flatMap((tree) => all(tree, 'query') as string[])
    expect(queries).toHaveLength(6)
    const named = queries.flatMap((query) => [...query.matchAll(/\bml_\w+/g)].map(([name]) => name))
    expect(named.filter((name) => !metrics.has(name))).toEqual([])
  })

  it.each(['deploy/kubernetes', CHART])('scales what there is, and nothing by two scalers: %s', (place) => {
    const deployments = ofKind('Deployment', place).map(nameOf)
    const scaled = [...ofKind('ScaledObject', place), ...ofKind('HorizontalPodAutoscaler', place)]
    const targets = scaled.map((tree) => ((tree.spec as Tree).scaleTargetRef as Tree).name)
    expect(deployments).toEqual(expect.arrayContaining(targets))
    expect(new Set(targets).size).toBe(2)
    for (const deployment of ofKind('Deployment', 'deploy/kubernetes'))
      expect(deployment.spec).not.toHaveProperty('replicas')
  })

  it('selects the pods it makes', () => {
    for (const tree of ofKind('Deployment', 'deploy')) {
      const { selector, template } = tree.spec as {
        selector: { matchLabels: Tree }
        template: { metadata: { labels: Tree } }
      }
      expect(template.metadata.labels).toMatchObject(selector.matchLabels)
    }
    for (const place of ['deploy/kubernetes', CHART]) {
      const labels = ofKind('Deployment', place).map(
        (tree) => (all(tree, 'labels') as Tree[]).find((found) => found?.app)?.app,
      )
      for (const { spec } of ofKind('Service', place)) expect(labels).toContain(((spec as Tree).selector as Tree).app)
    }
  })

  it('takes no variables from other services of its namespace', () => {
    // Kubernetes would set ML_SERVICE_PORT, which is a setting, for a service that is called ml.
    const pods = [...ofKind('Deployment', 'deploy'), ...ofKind('Job', 'deploy')].map(
      ({ spec }) => ((spec as Tree).template as Tree).spec as Tree,
    )
    expect(pods).toHaveLength(6)
    for (const pod of pods) expect(pod.enableServiceLinks).toBe(false)
  })

  it('runs in namespaces that admit only restricted pods', () => {
    const pods = [...ofKind('Deployment', 'deploy'), ...ofKind('Job', 'deploy')].map(
      ({ spec }) => ((spec as Tree).template as Tree).spec as Tree,
    )
    for (const { securityContext, containers } of pods) {
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
      for (const container of containers as Tree[]) {
        expect(container.securityContext).toEqual({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } })
      }
    }
  })

  it('has texts only in the config map of the chart, whatever was set', () => {
    const template = readFileSync(`${CHART}/templates/config.yaml`, 'utf8')
    expect(template).toMatch(/range \$name, \$value := \.Values\.config .*\n.*include "modelyard\.setting" \$value/)
    expect(template).not.toContain('toYaml')
  })

  it('knows the same settings in the manifests as in the chart', () => {
    expect(ofKind('ConfigMap', 'deploy/kubernetes')[0]!.data).toEqual(values.config)
  })
})

describe('an image', () => {
  it.each(['Dockerfile', 'deploy/Dockerfile.gpu'])('of %s has every file that its build runs', (path) => {
    expect(notCopied(readFileSync(path, 'utf8'))).toEqual([])
  })

  it('with a GPU runs as the user to whom the volumes belong', () => {
    const users = ofKind('Deployment', 'deploy').map(
      ({ spec }) => (((spec as Tree).template as Tree).spec as Tree).securityContext as Tree,
    )
    // `node` of Node's own image, to whom docker-compose.yml gives the volume.
    expect(new Set(users.map(({ runAsUser }) => runAsUser))).toEqual(new Set([1000]))
    expect(/useradd .*--uid (\d+) node/.exec(readFileSync('deploy/Dockerfile.gpu', 'utf8'))?.[1]).toBe('1000')
  })
})

/** Files that the scripts of the build name and no COPY from the checkout brings. */
function notCopied(dockerfile: string): string[] {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) => sources!.split(' '))
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    scripts: Record<string, string>
  }
  const named = withCalled(scripts, 'build').match(/(?<=\s)(?!dist\/)[\w./-]+\.(?:ts|json)\b/g) ?? []
  expect(named.length).toBeGreaterThan(3)
  return named.filter((file) => !copied.some((source) => file === source || file.startsWith(`${source}/`)))
}

/** A script and, in place of those it calls by npm, what they run. */
function withCalled(scripts: Readonly<Record<string, string>>, name: string): string {
  return scripts[name]!.replace(/npm run --silent ([\w:]+)/g, (_, called: string) => withCalled(scripts, called))
}

describe('a planted fault', () => {
  it('in the files of an image is found', () => {
    const text = readFileSync('Dockerfile', 'utf8').replace('scripts/bundle.ts ', '')
    expect(notCopied(text)).toEqual(['scripts/bundle.ts'])
  })
  it('in an expression of the chart is found', () => {
    expect(() => rendered('a: "{{ .Values.api.replica }}"')).toThrow('values.yaml has no api.replica')
    expect(() => rendered('a: {{ lookup "v1" }}')).toThrow('does not know')
  })
})
