// The one door: every face hands its requests to this function, which checks them and runs the verb.
import { type Handlers, type OperationName, operations } from '../../contract/operations/index.ts'
import type { Call, Dispatch } from '../../core/caller.ts'
import { type Check, compileCheck } from '../../core/check.ts'
import { invalid } from '../../core/failure.ts'
import type { Ctx } from '../ctx.ts'
import { requirePermission } from './caller.ts'
import { once } from './idempotency.ts'

type AnyHandler<C> = (ctx: C, input: unknown, upload?: Call['upload']) => Promise<unknown>

export function createDispatch<C extends Ctx>(handlers: Handlers<C>, makeCtx: (call: Call) => C): Dispatch {
  const checks = new Map<string, Check>()
  for (const [name, operation] of Object.entries(operations)) checks.set(name, compileCheck(operation.input))

  const dispatch = (name: OperationName, input: unknown, call: Call): Promise<unknown> => {
    const operation = operations[name]
    requirePermission(call.caller, operation.permission)
    const errors = checks.get(name)!(input)
    if (errors.length > 0) throw invalid('request', errors)
    const ctx = makeCtx(call)
    const run = () => (handlers[name] as AnyHandler<C>)(ctx, input, call.upload)
    if (call.idempotencyKey === undefined || !('idempotent' in operation)) return run()
    const request = { input, ...(call.upload && { file: call.upload.filename }) }
    return once(ctx, { key: call.idempotencyKey, operation: name, request }, run)
  }
  // Async, so that a refusal is a rejected promise like any other failure.
  return (async (name: OperationName, input: unknown, call: Call) => dispatch(name, input, call)) as Dispatch
}
