// Settings of the systems this service unites that this version does not act on. They are accepted, so that an existing
// environment starts, and each says in the log that nothing comes of it.
import type { Config } from '../config.ts'

export function unavailableSettings(config: Config): string[] {
  const found: string[] = []
  if (config.enableOtel) found.push('ENABLE_OTEL: this version exports no traces; /metrics is always on')
  if (config.supabaseUrl !== undefined) found.push('SUPABASE_URL: this version has no feature sources')
  return found
}
