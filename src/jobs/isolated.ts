// The child's side of isolate.ts: waits for the input, does the work, answers, exits.
// A child never outlives its parent: leash.ts watches for that on a thread of its own.
import { fail } from '../core/failure.ts'
import { holdLeash } from './hold-leash.ts'
import { type ToChild, type ToParent, toWire } from './wire.ts'

export interface IsolatedContext<P> {
  readonly progress: (progress: P) => void
  /** Fires when the parent asks to stop; about 0.4 s later the process is killed. */
  readonly signal: AbortSignal
}

export type IsolatedWork<P> = (input: unknown, context: IsolatedContext<P>) => Promise<unknown>

/** Called once, by the module that `runIsolated` was given as its entry. */
export function serveIsolated<P>(work: IsolatedWork<P>): void {
  if (!process.send) throw fail('internal', 'NOT_ISOLATED', 'This module runs only as a child process of runIsolated')
  holdLeash()
  const controller = new AbortController()
  process.once('disconnect', () => process.exit(1))
  process.on('message', (message: ToChild) => {
    if (message.type === 'stop') controller.abort()
    else void answer(work, message.input, controller.signal)
  })
}

async function answer<P>(work: IsolatedWork<P>, input: unknown, signal: AbortSignal): Promise<void> {
  const progress = (value: P) => post({ type: 'progress', progress: value })
  const reply = await work(input, { progress, signal }).then(
    (value): ToParent => ({ type: 'result', value }),
    (error: unknown): ToParent => ({ type: 'failure', failure: toWire(error) }),
  )
  // Exit only after the answer has left, and without waiting for open sessions and database handles.
  post(reply, () => process.exit(0))
}

function post(message: ToParent, sent: () => void = () => {}): void {
  process.send?.(message, undefined, undefined, sent)
}
