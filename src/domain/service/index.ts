// The service about itself.
export { createHealth, type HealthOptions, readiness } from './health.ts'
