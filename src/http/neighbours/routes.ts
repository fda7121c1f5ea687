// Thin doors for clients of other servers: KServe V1 and TensorFlow Serving (`/v1/models/{m}:predict`, `:explain`), MLflow and SageMaker
// (`/ping`, `/version`, `/invocations`). Rows go the way of every prediction by named columns; errors are those of the API.
import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Call, Dispatch } from '../../core/caller.ts'
import type { WantedModel } from '../../core/data-plane.ts'
import { asFailure, type FieldError, fail, MlError } from '../../core/failure.ts'
import { parseJson } from '../../core/json.ts'
import { LONG_JSON_BYTES, readJsonInTurns } from '../../core/json-in-turns.ts'
import type { OpenInference } from '../../core/open-inference.ts'
import { readRawBodies, unsupportedType } from '../body.ts'
import { callOf, SENT, sent } from '../call.ts'
import { toJson } from '../json.ts'
import type { RouteContext } from '../routes.ts'
import { type GivenRows, rowsOfCsv, rowsOfDocument } from './rows.ts'
import { type Answered, predictTensors } from './tensors.ts'

export interface NeighbourContext extends Pick<RouteContext, 'authenticate' | 'observe'> {
  readonly dispatch: Dispatch
  readonly plane: OpenInference
  readonly maxBodyBytes: number
}

interface Wanted {
  readonly model_id: string
  readonly version?: string
  readonly explain?: boolean
}

export function addNeighbours(app: FastifyInstance, context: NeighbourContext): void {
  app.register(async (scope) => {
    readRawBodies(scope, context.maxBodyBytes)
    addModelDoors(scope, context)
    addScoringDoors(scope, context)
  })
}

type Work = (call: Call, request: FastifyRequest, reply: FastifyReply) => Promise<unknown> | unknown

function add(
  app: FastifyInstance,
  route: { method: 'GET' | 'POST'; url: string; work: Work },
  context: NeighbourContext,
) {
  const { method, url, work } = route
  app.route({
    method,
    url,
    bodyLimit: context.maxBodyBytes,
    config: { operation: 'v1.scoring' },
    handler: async (request, reply) => {
      const found = context.authenticate(request.headers, request.id)
      const caller = found instanceof Promise ? await found : found
      const value = await work(callOf(request, reply, caller), request, reply)
      if (value !== SENT) reply.header('content-type', 'application/json').send(toJson(value))
      context.observe(request, reply.statusCode)
      return sent(reply)
    },
  })
}

function addModelDoors(app: FastifyInstance, context: NeighbourContext): void {
  const { plane } = context
  const readiness: Work = async (call, request, reply) => {
    const { model, version } = request.params as { model: string; version?: string }
    const ready = await plane.rowsReady(call, { model, ...(version !== undefined && { version }) })
    // Probes look at nothing but the status.
    if (!ready) reply.code(503)
    return { name: model, ready }
  }
  const answer: Work = async (call, request) => {
    const { verb, wanted } = wantedOf(request)
    return VERBS[verb](context, { call, wanted }, await jsonRows(request))
  }
  add(app, { method: 'GET', url: '/v1/models/:model', work: readiness }, context)
  add(app, { method: 'GET', url: '/v1/models/:model/versions/:version', work: readiness }, context)
  add(app, { method: 'POST', url: '/v1/models/:model', work: answer }, context)
  add(app, { method: 'POST', url: '/v1/models/:model/versions/:version', work: answer }, context)
  add(
    app,
    {
      method: 'GET',
      url: '/v1/models',
      work: async (call) => {
        const ready = (await plane.repositoryIndex(call)).filter(({ state }) => state === 'READY')
        return { models: [...new Set(ready.map(({ name }) => name))] }
      },
    },
    context,
  )
}

const VERBS = { predict: predictRows, explain: explainRows } as const

function isVerb(text: string): text is keyof typeof VERBS {
  return Object.hasOwn(VERBS, text)
}

/** The verb hangs on the last part of the path: `/v1/models/iris:predict`, `/v1/models/iris/versions/1.0.0:explain`. */
function wantedOf(request: FastifyRequest): { readonly verb: keyof typeof VERBS; readonly wanted: Wanted } {
  const { model, version } = request.params as { model: string; version?: string }
  const last = version ?? model
  const at = last.lastIndexOf(':')
  const verb = at < 0 ? '' : last.slice(at + 1)
  if (!isVerb(verb)) {
    const known = 'the verbs here are ":predict" and ":explain"'
    throw fail('not_found', 'ROUTE_NOT_FOUND', `There is nothing at POST ${request.url}; ${known}`)
  }
  const name = last.slice(0, at)
  return { verb, wanted: version === undefined ? { model_id: name } : { model_id: model, version: name } }
}

function addScoringDoors(app: FastifyInstance, context: NeighbourContext): void {
  const { plane } = context
  add(
    app,
    {
      method: 'GET',
      url: '/ping',
      work: (_call, _request, reply) => {
        reply.code(plane.ready() ? 200 : 503).send()
        return SENT
      },
    },
    context,
  )
  add(
    app,
    {
      method: 'GET',
      url: '/version',
      work: (_call, _request, reply) => {
        reply.header('content-type', 'text/plain; charset=utf-8').send(plane.server().version)
        return SENT
      },
    },
    context,
  )
  add(
    app,
    {
      method: 'POST',
      url: '/invocations',
      work: async (call, request) => {
        const given = await scoringRows(request)
        // As MLflow answers tensors: by output, and tables by row.
        const answered = given.field === 'inputs' || given.field === 'instances' ? 'outputs' : 'rows'
        return predictRows(context, { call, wanted: { model_id: await plane.defaultModel(call) }, answered }, given)
      },
    },
    context,
  )
}

async function scoringRows(request: FastifyRequest): Promise<GivenRows> {
  const type = request.headers['content-type'] ?? 'application/json'
  if (/^text\/csv\b/i.test(type)) {
    const header = /;\s*header\s*=\s*absent\b/i.test(type) ? 'absent' : 'present'
    return rowsOfCsv(textOf(request), header)
  }
  if (/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) return jsonRows(request)
  throw unsupportedType(`Send application/json or text/csv; "${type}" is not understood here`)
}

/** Others have their turn while a long body is read. */
async function jsonRows(request: FastifyRequest): Promise<GivenRows> {
  const bytes = request.body as Buffer | undefined
  const isLong = bytes !== undefined && bytes.length > LONG_JSON_BYTES
  return rowsOfDocument(isLong ? await readJsonInTurns(bytes) : parseJson(textOf(request)))
}

function textOf(request: FastifyRequest): string {
  const bytes = request.body as Buffer | undefined
  if (bytes === undefined) return ''
  if (!isUtf8(bytes)) throw fail('malformed', 'MALFORMED_BODY', 'The request body is not UTF-8')
  return bytes.toString('utf8')
}

interface Asked {
  readonly call: Call
  readonly wanted: Wanted
  /** How a model of tensors answers; by row where it is not said. */
  readonly answered?: Answered
}

async function predictRows(context: NeighbourContext, asked: Asked, given: GivenRows) {
  try {
    const results = await answerRows(context, asked, given)
    return { predictions: results.map(({ prediction }) => prediction) }
  } catch (error) {
    if (asFailure(error).code !== 'MODEL_TENSORS_ONLY') throw error
    const { call, wanted, answered = 'rows' } = asked
    return predictTensors(context.plane, { call, wanted: modelOf(wanted), answered }, given)
  }
}

function modelOf({ model_id: model, version }: Wanted): WantedModel {
  return { model, ...(version !== undefined && { version }) }
}

/** As KServe V1 answers `:explain`, whose explanations are the explainer's own to shape: here those of the API. */
async function explainRows(context: NeighbourContext, { call, wanted }: Asked, given: GivenRows) {
  const results = await answerRows(context, { call, wanted: { ...wanted, explain: true } }, given)
  return {
    predictions: results.map(({ prediction }) => prediction),
    // None for an answer that the model itself did not give.
    explanations: results.map(({ explanation }) => explanation ?? null),
  }
}

async function answerRows({ dispatch, plane }: NeighbourContext, { call, wanted }: Asked, given: GivenRows) {
  if (given.rows.length === 0) {
    // Of a model that is not there, no rows are no more there than some.
    await plane.rowsReady(call, modelOf(wanted))
    return []
  }
  const features = given.rows as Record<string, unknown>[]
  try {
    return (await dispatch('inference', { ...wanted, features }, call)).results
  } catch (error) {
    throw renamed(asFailure(error), given.field)
  }
}

/** The rows were called something else in the request than on their way here. */
function renamed(failure: MlError, field: string): MlError {
  const errors = failure.details?.errors as readonly FieldError[] | undefined
  if (!errors) return failure
  const named = errors.map((error) => ({ ...error, field: error.field.replace(/^features\b/, field) }))
  const message = failure.message.replaceAll(/\bfeatures(?=[.:])/g, field)
  return new MlError(failure.kind, failure.code, message, {
    details: { ...failure.details, errors: named },
    cause: failure,
  })
}
