import { Type } from 'typebox'
import { command, query } from '../operation.ts'
import { Shape } from '../schema.ts'
import { Readiness, ServiceHealth } from '../service.ts'

const tag = 'Service'

export const serviceOperations = {
  health: query({
    method: 'GET',
    path: '/health',
    tag,
    summary: 'How the service and what it stands on are; always 200 while the process can answer.',
    permission: 'service',
    reply: 'bare',
    input: Shape({}),
    output: ServiceHealth,
  }),
  ready: query({
    method: 'GET',
    path: '/ready',
    tag,
    summary: 'Whether predictions can be answered; 503 when not.',
    permission: 'service',
    reply: 'probe',
    input: Shape({}),
    output: Readiness,
  }),
  reload: command({
    method: 'POST',
    path: '/reload',
    tag,
    summary: 'Look for newly promoted versions now; normally they are picked up by themselves.',
    permission: 'service',
    reply: 'envelope',
    message: 'Models refreshed',
    input: Shape({}),
    output: Shape({
      revision: Type.Integer({ description: 'Revision of the live versions now served.' }),
      models: Type.Integer({ description: 'Live models.' }),
    }),
  }),
}
