// The one door: every face hands its requests to this function, which checks them and runs the verb.
import { type Handlers, type OperationName, operations } from '../../contract/operations/index.ts'
import type { Call, Dispatch } from '../../core/caller.ts'
import { compileCheckInTurns } from '../../core/check-in-turns.ts'
import { invalid } from '../../core/failure.ts'
import { callerAttributes, ended, NO_TRACER, type Span, type Tracer } from '../../core/trace.ts'
import type { Ctx } from '../ctx.ts'
import { requirePermission } from './caller.ts'
import { once } from './idempotency.ts'

interface KeyedCall {
  readonly name: OperationName
  readonly input: unknown
  readonly key: string
  readonly upload: Call['upload']
}

/** Two requests are the same when their inputs and the bytes of their files are. */
async function runOnce<C extends Ctx>(
  ctx: C,
  { name, input, key, upload }: KeyedCall,
  run: (ctx: C) => Promise<unknown>,
): Promise<unknown> {
  const file = upload && { name: upload.filename, sha256: upload.sha256 }
  return once(ctx, { key, operation: name, request: { input, ...(file && { file }) } }, run)
}

type AnyHandler<C> = (ctx: C, input: unknown, upload?: Call['upload']) => Promise<unknown>

export function createDispatch<C extends Ctx>(
  handlers: Handlers<C>,
  makeCtx: (call: Call) => C,
  tracer: Tracer = NO_TRACER,
): Dispatch {
  const checks = new Map<string, ReturnType<typeof compileCheckInTurns>>()
  for (const [name, operation] of Object.entries(operations)) checks.set(name, compileCheckInTurns(operation.input))

  const start = (name: OperationName, input: unknown, call: Call): Promise<unknown> => {
    const span = spanOf(name, call, tracer)
    return span ? ended(span, () => work(name, input, within(call, span))) : work(name, input, call)
  }
  const work = (name: OperationName, input: unknown, call: Call): Promise<unknown> => {
    const ctx = makeCtx(call)
    const run = (ctx: C) => (handlers[name] as AnyHandler<C>)(ctx, input, call.upload)
    if (call.idempotencyKey === undefined || !('idempotent' in operations[name])) return run(ctx)
    return runOnce(ctx, { name, input, key: call.idempotencyKey, upload: call.upload }, run)
  }
  return (async (name: OperationName, input: unknown, call: Call) => {
    requirePermission(call.caller, operations[name].permission)
    const found = checks.get(name)!(input)
    const errors = found instanceof Promise ? await found : found
    if (errors.length > 0) throw invalid('request', errors)
    return start(name, input, call)
  }) as Dispatch
}

/** Field by field: what a call knows of its asker may lie on its prototype. */
function within(call: Call, span: Span): Call {
  const gone = () => (call.gone ? call.gone() : call.signal.aborted)
  return {
    caller: call.caller,
    span,
    signal: call.signal,
    gone,
    ...(call.idempotencyKey !== undefined && { idempotencyKey: call.idempotencyKey }),
    ...(call.upload && { upload: call.upload }),
  }
}

/** Below the face's, or the first where a program asks directly; none where nobody would see it. */
function spanOf(name: OperationName, { span, caller }: Call, tracer: Tracer): Span | undefined {
  if (span) return span.recording ? span.child(name) : undefined
  if (!tracer.enabled) return undefined
  return tracer.start(name, { attributes: callerAttributes(caller) })
}
