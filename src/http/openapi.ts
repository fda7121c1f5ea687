// The OpenAPI 3.1 document, made from the table of operations. Stored shapes are JSON Schema already, so nothing is
// converted: a shape with a name becomes a component, and every equal copy of it a reference.
import type { TSchema } from 'typebox'
import { ErrorResponse } from '../contract/errors.ts'
import { mediaTypesOf, type Operation } from '../contract/operation.ts'
import { type OperationName, operations } from '../contract/operations/index.ts'
import { pathParameters } from './input.ts'
import { type JsonSchema, namedSchemas, referTo } from './openapi-schemas.ts'
import { FILE_TYPES } from './raw-file.ts'

const ERRORS = {
  '400': ['Malformed', 'The request could not be read: broken JSON, a broken form, a bad URL.'],
  '401': ['Unauthenticated', 'Credentials are missing or wrong.'],
  '403': ['Forbidden', 'The credentials do not allow this, or belong to another tenant.'],
  '404': ['NotFound', 'Nothing of that id, or it belongs to another tenant.'],
  '409': ['Conflict', 'A duplicate, a lost race, or a state that does not allow this.'],
  '413': ['TooLarge', 'The body or file is too large.'],
  '415': ['UnsupportedMediaType', 'The body is of a type that is not understood here.'],
  '422': ['Invalid', 'The input breaks its rules; `details.errors` lists every one.'],
  '429': ['Limited', 'Over quota; `Retry-After` says when to come back.'],
  '500': ['Internal', 'A fault of the service; its log has the cause under the request id.'],
  '503': ['Unavailable', 'Overloaded, or something it needs is away; `Retry-After` says when to come back.'],
} as const

type ErrorStatus = keyof typeof ERRORS

export interface OpenApiDocument {
  readonly openapi: '3.1.1'
  readonly info: Readonly<Record<string, unknown>>
  readonly tags: readonly { readonly name: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** @param version of Modelyard, for `info.version`. */
export function openApiDocument(version: string): OpenApiDocument {
  const names = Object.keys(operations) as OperationName[]
  const paths: Record<string, Record<string, unknown>> = {}
  for (const name of names) {
    const operation: Operation = operations[name]
    paths[operation.path] ??= {}
    paths[operation.path]![operation.method.toLowerCase()] = operationObject(name, operation)
  }
  paths['/metrics'] = { get: metricsOperation }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Modelyard',
      version,
      description: 'Train, register, promote, serve and watch machine-learning models.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [...new Set(names.map((name) => operations[name].tag))].map((name) => ({ name })),
    paths,
    components: { schemas: namedSchemas(), parameters, headers, responses: errorResponses() },
  }
}

const parameters = {
  TenantId: {
    name: 'X-Tenant-ID',
    in: 'header',
    description: 'Whose data; without authentication its absence means the tenant "default".',
    schema: { type: 'string', pattern: '^[A-Za-z0-9_.-]{1,64}$' },
  },
  RequestId: {
    name: 'X-Request-ID',
    in: 'header',
    description: 'Kept when it is 1 to 128 visible ASCII characters, else one is made; stands on every reply.',
    schema: { type: 'string', minLength: 1, maxLength: 128 },
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'The same key and body answer with the first reply for 24 hours; with another body: 409.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
}

const headers = {
  RequestId: { description: 'The id of this request, in logs and events too.', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds to wait before the next attempt.', schema: { type: 'integer', minimum: 1 } },
}

const requestIdHeader = { 'X-Request-ID': { $ref: '#/components/headers/RequestId' } }

const metricsOperation = {
  operationId: 'metrics',
  tags: ['Service'],
  summary: 'Metrics in the text format of Prometheus.',
  responses: {
    '200': {
      description: 'The metrics.',
      headers: requestIdHeader,
      content: { 'text/plain': { schema: { type: 'string', description: 'One sample a line.' } } },
    },
  },
}

function errorResponses(): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(ERRORS).map(([status, [name, description]]) => [
      name,
      {
        description,
        headers: {
          ...requestIdHeader,
          ...((status === '429' || status === '503') && {
            'Retry-After': { $ref: '#/components/headers/RetryAfter' },
          }),
        },
        content: { 'application/json': { schema: referTo(ErrorResponse) } },
      },
    ]),
  )
}

function operationObject(name: OperationName, operation: Operation): Record<string, unknown> {
  const body = requestBody(operation)
  return {
    operationId: name,
    tags: [operation.tag],
    summary: operation.summary,
    parameters: [
      ...fieldParameters(operation),
      ...(['TenantId', 'RequestId', ...(operation.idempotent ? ['IdempotencyKey'] : [])] as const).map((parameter) => ({
        $ref: `#/components/parameters/${parameter}`,
      })),
    ],
    ...(body && { requestBody: body }),
    responses: { ...replies(operation), ...errorReplies(operation) },
    'x-kind': operation.kind,
    'x-permission': operation.permission,
  }
}

interface ObjectSchema extends JsonSchema {
  readonly properties: Readonly<Record<string, TSchema>>
  readonly required?: readonly string[]
}

function fieldParameters(operation: Operation): unknown[] {
  const { properties, required = [] } = operation.input as unknown as ObjectSchema
  const inPath = pathParameters(operation.path)
  const inQuery = operation.body === 'query' ? Object.keys(properties).filter((name) => !inPath.includes(name)) : []
  const parameter = (name: string, place: 'path' | 'query') => {
    const { description, ...schema } = referTo(properties[name]!) as JsonSchema & { description?: string }
    return { name, in: place, required: place === 'path' || required.includes(name), description, schema }
  }
  return [...inPath.map((name) => parameter(name, 'path')), ...inQuery.map((name) => parameter(name, 'query'))]
}

function requestBody(operation: Operation): Record<string, unknown> | undefined {
  const input = operation.input as unknown as ObjectSchema
  if (operation.body === 'query') return undefined
  if (operation.body === 'row') {
    return { required: true, content: { 'application/json': { schema: referTo(input.properties.body!) } } }
  }
  const inPath = pathParameters(operation.path)
  const names = Object.keys(input.properties).filter((name) => !inPath.includes(name))
  if (names.length === 0 && operation.body === 'fields') return undefined
  const needed = (input.required ?? []).filter((name) => names.includes(name))
  const fields =
    inPath.length === 0
      ? referTo(operation.input)
      : objectOf(
          names.map((name) => [name, referTo(input.properties[name]!)]),
          needed,
        )
  const form = formSchema(operation, input, names, needed)
  return {
    required: needed.length > 0 || operation.body === 'file',
    content: {
      ...(operation.body !== 'file' && { 'application/json': { schema: fields } }),
      ...(operation.body !== 'fields' && { 'multipart/form-data': form }),
      ...(operation.body === 'fields-or-file' && Object.fromEntries(FILE_TYPES.map((type) => [type, bareFile]))),
    },
  }
}

const bareFile = { schema: { type: 'string', description: 'The file itself; the fields stand in the query then.' } }

function formSchema(operation: Operation, input: ObjectSchema, names: readonly string[], needed: readonly string[]) {
  const file = {
    type: 'string',
    contentMediaType: 'application/octet-stream',
    description: 'The file; other fields may come before or after it.',
  }
  const isText = (name: string) =>
    ['string', 'number', 'integer', 'boolean'].includes(
      String((input.properties[name] as { readonly type?: unknown }).type),
    )
  return {
    schema: objectOf(
      [['file', file], ...names.map((name) => [name, referTo(input.properties[name]!)] as const)],
      operation.body === 'file' ? ['file', ...needed] : needed,
    ),
    // Objects and lists travel as JSON text.
    encoding: Object.fromEntries(
      names.filter((name) => !isText(name)).map((name) => [name, { contentType: 'application/json' }]),
    ),
  }
}

function objectOf(fields: Iterable<readonly [string, unknown]>, required: readonly string[]): JsonSchema {
  return {
    type: 'object',
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(fields),
    additionalProperties: false,
  }
}

function replies(operation: Operation): Record<string, unknown> {
  const reply = (description: string, content: unknown) => ({ description, headers: requestIdHeader, content })
  const output = referTo(operation.output)
  const json = (schema: unknown) => ({ 'application/json': { schema } })
  switch (operation.reply) {
    case 'envelope':
      return { [operation.status]: reply(operation.message ?? 'Done.', json(envelope(operation, output))) }
    case 'bare':
      return { [operation.status]: reply('Done.', json(output)) }
    case 'probe':
      return { '200': reply('Ready.', json(output)), '503': reply('Not ready.', json(output)) }
    case 'download': {
      const bytes = mediaTypesOf(operation).map((type) => [type.split(';')[0]!, { schema: output }] as const)
      return { '200': reply('The bytes.', Object.fromEntries(bytes)) }
    }
    case 'events': {
      const schema = { type: 'string', description: 'Server-sent events; the data of each is JSON.' }
      return { '200': reply('A stream of events.', { 'text/event-stream': { schema, 'x-data': output } }) }
    }
  }
}

function envelope({ message }: Operation, output: JsonSchema): JsonSchema {
  const data = '$ref' in output || 'description' in output ? output : { description: 'What was asked for.', ...output }
  return objectOf(
    [
      ['success', { type: 'boolean', const: true, description: 'Always true.' }],
      ...(message === undefined
        ? []
        : [['message', { type: 'string', description: `What happened: "${message}".` }] as const]),
      ['data', data],
    ],
    message === undefined ? ['success', 'data'] : ['success', 'message', 'data'],
  )
}

function errorReplies(operation: Operation): Record<string, unknown> {
  const hasBody = operation.body !== 'query'
  const statuses = (Object.keys(ERRORS) as ErrorStatus[]).filter((status) => {
    if (status === '404') return operation.permission !== 'service'
    // What a query names may be in a state without an answer: nothing live, no model file, no results yet.
    if (status === '409') return operation.kind === 'command' || hasBody || pathParameters(operation.path).length > 0
    if (status === '413' || status === '415') return hasBody
    return status !== '503' || operation.reply !== 'probe'
  })
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/${ERRORS[status][0]}` }]))
}
