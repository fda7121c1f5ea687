// The queues by name. Imports nothing: the command line asks for the key before it imports the rest of the service.
export const QUEUES = ['training', 'batch'] as const
export type QueueName = (typeof QUEUES)[number]

/** Changes whenever the tables that the queue makes in a new database do. */
export const PREPARATION_KEY = `pg-boss 12.35 ${QUEUES.join(' ')}`
