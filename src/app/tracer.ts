// The tracer that the configuration asks for. Nothing of OpenTelemetry is imported where it asks for none.
import { hostname } from 'node:os'
import type { Config } from '../config.ts'
import type { Log } from '../core/log.ts'
import { pairsOf } from '../core/pairs.ts'
import { NO_TRACER, type Tracer } from '../core/trace.ts'
import { CODE_VERSION } from './version.ts'

export async function openTracer(config: Config, log: Log): Promise<Tracer> {
  if (!config.enableOtel) return NO_TRACER
  const { openTraces } = await import('../ports/traces/open.ts')
  const { otelTracesSampler: sampler, otelTracesSamplerArg: ratio } = config
  const url = `${config.otelExporterOtlpEndpoint.replace(/\/+$/, '')}/v1/traces`
  const tracer = openTraces({
    url,
    headers: pairsOf(config.otelExporterOtlpHeaders ?? '') ?? {},
    timeoutMs: config.otelExporterOtlpTimeout,
    sampler,
    ratio,
    resource: resourceOf(config),
    log,
  })
  const { origin, pathname } = new URL(url)
  log.info({ collector: origin + pathname, sampler, ratio }, 'traces are sent to a collector')
  return tracer
}

function resourceOf(config: Config): Record<string, string> {
  const attributes = pairsOf(config.otelResourceAttributes ?? '') ?? {}
  return {
    'service.name': config.serviceName,
    'service.version': CODE_VERSION,
    'service.instance.id': `${hostname()}:${process.pid}`,
    ...attributes,
    ...(config.otelServiceName !== undefined && { 'service.name': config.otelServiceName }),
  }
}
