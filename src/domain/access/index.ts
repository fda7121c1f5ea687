// Who may ask, and how a request reaches its verb.
export { anonymousCaller, requirePermission } from './caller.ts'
export { createDispatch } from './dispatch.ts'
export { sweepKeys } from './idempotency.ts'
