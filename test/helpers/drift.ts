// Holds every reply that passes by against the contract: a 2xx document against the output of its operation, any other one
// against the error document. What a test does not look at is looked at here.
import { ErrorResponse } from '../../src/contract/errors.ts'
import type { Operation } from '../../src/contract/operation.ts'
import { type OperationName, operations } from '../../src/contract/operations/index.ts'
import { type Check, compileCheck } from '../../src/core/check.ts'

interface Known {
  readonly name: OperationName
  readonly operation: Operation
  readonly pattern: RegExp
  readonly check: Check
}

const TABLE: readonly Known[] = Object.entries(operations)
  .map(([name, operation]) => ({
    name: name as OperationName,
    operation: operation as Operation,
    pattern: new RegExp(`^${operation.path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    // A copy, because a check fills in defaults and must not mend what it looks at.
    check: withoutChanging(compileCheck(operation.output)),
  }))
  // `/models/train` would also fit `/models/{model_id}`.
  .sort((a, b) => places(a.operation) - places(b.operation))

const checkError = withoutChanging(compileCheck(ErrorResponse))

function withoutChanging(check: Check): Check {
  return (value) => check(structuredClone(value))
}

function places({ path }: Operation): number {
  return path.split('{').length
}

function operationOf(method: string, path: string): Known | undefined {
  return TABLE.find(({ operation, pattern }) => operation.method === method && pattern.test(path))
}

/** What is wrong with a reply; empty where nothing is. `seen` collects the operations that answered with success. */
export function driftOf(
  request: { readonly method: string; readonly path: string },
  reply: { readonly status: number; readonly text: string },
  seen: Set<OperationName>,
): string[] {
  const known = operationOf(request.method, request.path)
  const { status, text } = reply
  const say = (problems: readonly { field: string; message: string }[]) =>
    problems.map(({ field, message }) => `${request.method} ${request.path} → ${status}: ${field} ${message}`)
  if (!known) return []
  const { operation, check } = known
  const probing = operation.reply === 'probe' && status === 503
  if (status >= 400 && !probing) return say(checkError(JSON.parse(text)))
  seen.add(known.name)
  if (operation.reply === 'download') return []
  if (operation.reply === 'events') return eventsOf(text).flatMap((data) => say(check(data)))
  if (status !== operation.status && !probing) return say([{ field: 'status', message: `must be ${operation.status}` }])
  const document: unknown = JSON.parse(text)
  return say(operation.reply === 'envelope' ? envelopeProblems(document, known) : check(document))
}

function envelopeProblems(document: unknown, { operation, check }: Known) {
  const { success, message, data, ...more } = document as Record<string, unknown>
  return [
    ...(success === true ? [] : [{ field: 'success', message: 'must be true' }]),
    ...(message === operation.message ? [] : [{ field: 'message', message: `must be ${operation.message}` }]),
    ...Object.keys(more).map((field) => ({ field, message: 'is not a known field' })),
    ...check(data),
  ]
}

function eventsOf(text: string): unknown[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line): unknown => JSON.parse(line.slice(6)))
}
