// The runtime's face: what runs models off the event loop, and the words it is asked in. Importing it loads no engine;
// that happens in the workers (and in `in-process.ts`, for threads that may block).
export { type GuardedOptions, openGuardedRuntime } from './guarded.ts'
export { openRuntime } from './open.ts'
export { Row, type RowCell } from './row.ts'
export * from './types.ts'
