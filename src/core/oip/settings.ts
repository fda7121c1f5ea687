// Settings of the protocol that the service's own configuration decides, and what it answers to attempts to change them.
import type { Parameters } from './parameters.ts'
import { notSupported } from './repository.ts'

export const LOG_SETTINGS = {
  log_file: '',
  log_info: true,
  log_warning: true,
  log_error: true,
  log_verbose_level: 0,
  log_format: 'default',
} as const

export const TRACE_SETTINGS = {
  trace_level: ['OFF'],
  trace_rate: '1000',
  trace_count: '-1',
  log_frequency: '0',
  trace_file: '',
  trace_mode: 'triton',
} as const

export function settingsFixed(what: 'log' | 'trace') {
  const setting = what === 'log' ? 'LOG_LEVEL' : 'ENABLE_OTEL'
  return notSupported(
    `The ${what} settings are those of the configuration (${setting}) and cannot be changed by a request`,
  )
}

export function noSharedMemory() {
  return notSupported('Shared memory is not offered; send tensors in the request')
}

/**
 * A tensor that is said to lie, or to be put, in memory of the client's machine: passed over, its asker would read whatever was there
 * before and take it for the answer.
 *
 * @throws NOT_OFFERED
 */
export function refuseSharedMemory(parameters: Parameters): void {
  if (parameters.shared_memory_region !== undefined) throw noSharedMemory()
}

export function notGenerating() {
  return notSupported('Text generation is not offered: models here take and answer tensors; use infer')
}
