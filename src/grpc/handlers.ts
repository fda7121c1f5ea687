// The calls of GRPCInferenceService but for inference itself: messages in, data plane, messages out.
import type { Call } from '../core/caller.ts'
import type { WantedModel } from '../core/data-plane.ts'
import { configDocument, metadataDocument, statisticsDocument } from '../core/oip/documents.ts'
import { refuseLoadParameters } from '../core/oip/repository.ts'
import { LOG_SETTINGS, settingsFixed, TRACE_SETTINGS } from '../core/oip/settings.ts'
import type { OpenInference } from '../core/open-inference.ts'

/** A message as the loader makes it: every field is there, absent ones with their default. */
export interface Message {
  readonly name: string
  readonly version: string
  readonly model_name: string
  readonly ready: boolean
  readonly parameters: Readonly<Record<string, unknown>>
  readonly settings: Readonly<Record<string, unknown>>
}

export type Work = (call: Call, request: Message) => unknown

export function unaryHandlers(plane: OpenInference): Readonly<Record<string, Work>> {
  return {
    ServerLive: () => ({ live: true }),
    ServerReady: () => ({ ready: plane.ready() }),
    ServerMetadata: () => plane.server(),
    ModelReady: async (call, request) => ({ ready: await plane.modelReady(call, wantedOf(request)) }),
    ModelMetadata: async (call, request) => metadataDocument(await plane.metadata(call, wantedOf(request))),
    ModelConfig: async (call, request) => ({ config: configDocument(await plane.config(call, wantedOf(request))) }),
    ModelStatistics: async (call, request) =>
      statisticsDocument(await plane.statistics(call, request.name === '' ? undefined : wantedOf(request))),
    RepositoryIndex: async (call, { ready }) => ({
      models: (await plane.repositoryIndex(call)).filter(({ state }) => !ready || state === 'READY'),
    }),
    RepositoryModelLoad: async (call, { model_name, parameters }) => {
      refuseLoadParameters(Object.keys(parameters))
      await plane.load(call, model_name)
      return {}
    },
    RepositoryModelUnload: async (call, { model_name }) => {
      await plane.unload(call, model_name)
      return {}
    },
    TraceSetting: async (call, { model_name, settings }) => {
      if (model_name !== '') await plane.modelReady(call, { model: model_name })
      if (Object.keys(settings).length > 0) throw settingsFixed('trace')
      const shown = Object.entries(TRACE_SETTINGS).map(([name, value]) => [name, { value: [value].flat() }])
      return { settings: Object.fromEntries(shown) }
    },
    LogSettings: (_call, { settings }) => {
      if (Object.keys(settings).length > 0) throw settingsFixed('log')
      return { settings: Object.fromEntries(Object.entries(LOG_SETTINGS).map(([name, v]) => [name, settingOf(v)])) }
    },
  }
}

function wantedOf({ name, version }: Message): WantedModel {
  return { model: name, ...(version !== '' && { version }) }
}

function settingOf(value: string | number | boolean) {
  if (typeof value === 'boolean') return { bool_param: value }
  return typeof value === 'number' ? { uint32_param: value } : { string_param: value }
}
