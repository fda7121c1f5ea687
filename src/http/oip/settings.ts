// Trace and log settings, shared memory and text generation. The first two are shown as they are and changed by the
// configuration; the others are not offered, and say so instead of being a 404.
import type { FastifyInstance } from 'fastify'
import { LOG_SETTINGS, noSharedMemory, notGenerating, settingsFixed, TRACE_SETTINGS } from '../../core/oip/settings.ts'
import { addOipRoute, type OipContext, type OipWork, referenceOf } from './routes.ts'

export function addSettingRoutes(app: FastifyInstance, context: OipContext): void {
  const { plane } = context
  const add = (method: 'GET' | 'POST', url: string, work: OipWork) =>
    addOipRoute(app, { method, url, operation: 'v2.settings', work }, context)
  const known: OipWork = async (call, request) => void (await plane.modelReady(call, referenceOf(request)))

  add('GET', '/v2/logging', () => LOG_SETTINGS)
  add('POST', '/v2/logging', () => {
    throw settingsFixed('log')
  })
  add('GET', '/v2/trace/setting', () => TRACE_SETTINGS)
  add('POST', '/v2/trace/setting', () => {
    throw settingsFixed('trace')
  })
  add('GET', '/v2/models/:model/trace/setting', async (...asked) => {
    await known(...asked)
    return TRACE_SETTINGS
  })
  add('POST', '/v2/models/:model/trace/setting', async (...asked) => {
    await known(...asked)
    throw settingsFixed('trace')
  })
  for (const kind of ['system', 'cuda']) {
    add('GET', `/v2/${kind}sharedmemory/status`, () => [])
    for (const action of ['register', 'unregister']) {
      for (const region of ['', '/region/:region']) {
        add('POST', `/v2/${kind}sharedmemory${region}/${action}`, () => {
          throw noSharedMemory()
        })
      }
    }
  }
  for (const base of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    for (const verb of ['generate', 'generate_stream']) {
      add('POST', `${base}/${verb}`, async (...asked) => {
        await known(...asked)
        throw notGenerating()
      })
    }
  }
}
