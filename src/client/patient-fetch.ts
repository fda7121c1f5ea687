// Node's `fetch` gives up after five minutes without the head of an answer, whatever its caller allows: an upload of gigabytes takes longer.
// What it asks through is known under a symbol (nodejs/undici, lib/global.js) and takes a limit of each request; whatever a program
// has put there, such as a proxy, is asked as before.

const GLOBAL_DISPATCHER = Symbol.for('undici.globalDispatcher.1')

interface Dispatcher {
  dispatch(options: object, handler: unknown): boolean
}

/** `fetch` as it is now, without a limit of its own; in browsers and elsewhere as it is. */
export function patientFetch(input: string, init: RequestInit): Promise<Response> {
  // Node 20 and 22 bring the rest of `fetch` only where something of it is used.
  new Headers()
  const found: unknown = Reflect.get(globalThis, GLOBAL_DISPATCHER)
  if (!isDispatcher(found)) return globalThis.fetch(input, init)
  const dispatcher: Dispatcher = {
    dispatch: (options, handler) => found.dispatch({ ...options, headersTimeout: 0 }, handler),
  }
  // Called as a plain function: browsers refuse a `fetch` with another `this`.
  return globalThis.fetch(input, { ...init, dispatcher } as RequestInit)
}

function isDispatcher(value: unknown): value is Dispatcher {
  return typeof value === 'object' && value !== null && 'dispatch' in value && typeof value.dispatch === 'function'
}
