// openapi.json: committed, equal to what the contract makes, and sound in itself.
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import type { Operation } from '../src/contract/operation.ts'
import { type OperationName, operations } from '../src/contract/operations/index.ts'
import { compileCheck } from '../src/core/check.ts'
import { openApiDocument } from '../src/http/openapi.ts'
import { FILE_TYPES } from '../src/http/raw-file.ts'

type Node = { readonly [key: string]: unknown }
interface OperationNode extends Node {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly parameters?: readonly Node[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Node }>> }
  readonly responses: Readonly<Record<string, Node>>
}

const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string }
const document = JSON.parse(JSON.stringify(openApiDocument(version))) as ReturnType<typeof openApiDocument>
const found = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation: operation as OperationNode })),
)

function walk(node: unknown, place: string, visit: (node: Node, place: string) => void): void {
  if (typeof node !== 'object' || node === null) return
  if (!Array.isArray(node)) visit(node as Node, place)
  for (const [key, child] of Object.entries(node)) walk(child, `${place}/${key}`, visit)
}

function resolve(reference: string): unknown {
  const keys = reference.replace('#/', '').split('/')
  return keys.reduce<unknown>((at, key) => (at as Node | undefined)?.[key], document)
}

describe('openapi.json', () => {
  it('is what the contract makes (else run: npm run openapi)', async () => {
    expect(await readFile('openapi.json', 'utf8')).toBe(`${JSON.stringify(document, null, 2)}\n`)
  })

  it('is checked by a command that says what to run', () => {
    const run = spawnSync(process.execPath, ['scripts/openapi.ts', '--check'], { encoding: 'utf8' })
    expect([run.status, run.stderr]).toEqual([0, ''])
  })

  it('has every operation of the table once, under its own id', () => {
    const ids = found.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const name of Object.keys(operations) as OperationName[]) {
      const { path, method }: Operation = operations[name]
      expect(found).toContainEqual(expect.objectContaining({ path, method: method.toLowerCase() }))
      expect(ids).toContain(name)
    }
  })

  it('describes every field of every shape', () => {
    const silent: string[] = []
    walk(document, '', ({ properties }, place) => {
      if (typeof properties !== 'object' || properties === null) return
      for (const [name, field] of Object.entries(properties as Record<string, Node>)) {
        const target = (field.$ref === undefined ? field : resolve(String(field.$ref))) as Node
        if (typeof target.description !== 'string' || target.description === '') silent.push(`${place}/${name}`)
      }
    })
    expect(silent).toEqual([])
  })

  it('describes every parameter', () => {
    for (const { operation } of found) {
      for (const parameter of operation.parameters ?? []) {
        const target = (parameter.$ref === undefined ? parameter : resolve(String(parameter.$ref))) as Node
        expect(target).toMatchObject({
          name: expect.any(String),
          in: expect.any(String),
          description: expect.any(String),
        })
      }
    }
  })

  it('refers only to what is there, and refers to every component', () => {
    const used = new Set<string>()
    walk(document, '', ({ $ref }, place) => {
      if (typeof $ref !== 'string') return
      used.add($ref)
      expect([place, resolve($ref)]).not.toContain(undefined)
    })
    const unused = ['parameters', 'headers', 'responses'].flatMap((kind) =>
      Object.keys(document.components[kind]!).filter((name) => !used.has(`#/components/${kind}/${name}`)),
    )
    expect(unused).toEqual([])
  })

  it('declares each path parameter exactly once, as required', () => {
    for (const { path, operation } of found) {
      const declared = (operation.parameters ?? []).filter((one) => one.in === 'path')
      expect(declared.map((one) => one.name)).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]))
      expect(declared.every((one) => one.required === true)).toBe(true)
    }
  })

  it('holds only JSON Schemas that compile', () => {
    const schemas = document.components.schemas as Record<string, Node>
    for (const name of Object.keys(schemas)) {
      const check = compileCheck({ $ref: `#/components/schemas/${name}`, components: { schemas } }, { foreign: true })
      expect(() => check({})).not.toThrow()
    }
  })

  it('offers files as multipart and JSON beside them where rows will do', () => {
    const types = (id: string) =>
      Object.keys(found.find((f) => f.operation.operationId === id)?.operation.requestBody?.content ?? {})
    expect(types('datasets.create')).toEqual(['application/json', 'multipart/form-data', ...FILE_TYPES])
    expect(types('versions.import')).toEqual(['multipart/form-data'])
    expect(types('models.train')).toEqual(['application/json'])
    expect(types('reload')).toEqual([])
  })

  it('answers every error of every operation with an ErrorResponse', () => {
    for (const { operation } of found.filter((f) => f.operation.operationId !== 'metrics')) {
      const errors = Object.entries(operation.responses).filter(([status, reply]) => status >= '400' && '$ref' in reply)
      expect(errors.map(([status]) => status)).toEqual(
        expect.arrayContaining(['400', '401', '403', '422', '429', '500']),
      )
      for (const [, reply] of errors) {
        expect(resolve(String(reply.$ref))).toMatchObject({
          description: expect.any(String),
          content: { 'application/json': { schema: { $ref: '#/components/schemas/ErrorResponse' } } },
        })
      }
    }
  })

  it('has what OpenAPI 3.1 demands of a document', () => {
    expect(document).toMatchObject({ openapi: expect.stringMatching(/^3\.1\./), info: { title: 'Modelyard', version } })
    const tags = document.tags.map(({ name }) => name)
    for (const { path, method, operation } of found) {
      expect(path).toMatch(/^\/[\w/{}.-]*$/)
      expect(['get', 'post', 'put', 'patch', 'delete']).toContain(method)
      expect(operation.summary).not.toBe('')
      expect(tags).toEqual(expect.arrayContaining([...operation.tags]))
      expect(method === 'get' && operation.requestBody !== undefined).toBe(false)
      for (const [status, reply] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^[1-5]\d\d$/)
        expect('$ref' in reply || typeof reply.description === 'string').toBe(true)
      }
    }
  })
})
