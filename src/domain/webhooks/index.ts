// Webhooks: events sent to addresses of the tenants' choice, until they are accepted or given up.
export { type DeliveryOptions, type DeliveryWorker, startDeliveries } from './deliver.ts'
export { listDeliveries, replayDeliveries, sweepDeliveries } from './deliveries.ts'
export { rotateSecret } from './rotate.ts'
export { createWebhook, deleteWebhook, getWebhook, listWebhooks, updateWebhook } from './webhooks.ts'
