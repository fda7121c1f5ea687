// Settings of the systems this service unites that this version does not act on. They are accepted, so that an existing
// environment starts, and each says in the log that nothing comes of it.
import type { Config } from '../config.ts'

export function unavailableSettings(config: Config): string[] {
  const found: string[] = []
  if (config.supabaseUrl !== undefined && config.supabaseMapping === undefined) {
    found.push('SUPABASE_URL: without SUPABASE_MAPPING no table is known to hold features, so nothing is read')
  }
  return found
}
