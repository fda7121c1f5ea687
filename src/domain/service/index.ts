// The service about itself.
export { createHealth, readiness } from './health.ts'
