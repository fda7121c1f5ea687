// Opens the sources of features by the configuration: Supabase (PostgREST) with the operator's mapping, or none.
import { systemClock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import { Asker } from './asker.ts'
import type { FeatureSource, FeatureSources, SourceOutcome, SourceRow } from './index.ts'
import type { SourceMapping, SourceTable } from './mapping.ts'

export interface SourcesOptions {
  /** Address of Supabase, or of PostgREST itself. */
  readonly url: string
  readonly key: string
  readonly mapping: SourceMapping
  readonly log: Log
  readonly count?: (table: SourceTable, outcome: SourceOutcome) => void
}

export const NO_SOURCES: FeatureSources = { of: () => undefined }

export function openSources({ url, key, mapping, log, count }: SourcesOptions): FeatureSources {
  const server = { url: restAddress(url), key }
  const askers = mapping.tables.map((table) => {
    const counted = (outcome: SourceOutcome) => count?.(table, outcome)
    return new Asker({ server, table, timeoutMs: mapping.timeout_ms, clock: systemClock, log, count: counted })
  })
  return {
    of(tenantId, entityType) {
      for (const [index, table] of mapping.tables.entries()) {
        const bound = table.entity_type === entityType ? boundTo(table, tenantId) : undefined
        if (bound) return sourceOf(table, (ids) => askers[index]!.ask(bound.tenantValue, ids))
      }
      return undefined
    },
  }
}

/** Supabase serves PostgREST under /rest/v1; an address with a path is taken as it is. */
function restAddress(url: string): string {
  const address = new URL(url)
  const path = address.pathname.replace(/\/+$/, '')
  return `${address.origin}${path === '' ? '/rest/v1' : path}`
}

/** Undefined: the table is not this tenant's. */
function boundTo(table: SourceTable, tenantId: string): { readonly tenantValue: string | undefined } | undefined {
  if (table.tenant !== undefined) return table.tenant === tenantId ? { tenantValue: undefined } : undefined
  if (table.tenants === undefined) return { tenantValue: tenantId }
  return Object.hasOwn(table.tenants, tenantId) ? { tenantValue: table.tenants[tenantId] } : undefined
}

type Ask = (ids: readonly string[]) => Promise<ReadonlyMap<string, SourceRow | null>>

function sourceOf(table: SourceTable, ask: Ask): FeatureSource {
  return {
    name: table.digest,
    features: Object.keys(table.columns),
    keepSeconds: { absent: table.absent_seconds, found: table.ttl_seconds },
    async fetch(ids) {
      const askable = ids.filter((id) => FITS[table.id_type].test(id))
      const answers = new Map<string, SourceRow | null>(askable.length > 0 ? await ask(askable) : [])
      for (const id of ids) if (!FITS[table.id_type].test(id)) answers.set(id, null)
      return answers
    },
  }
}

/** Ids in the one spelling in which the server gives them back; no other can be the id of a row. */
const FITS: Readonly<Record<SourceTable['id_type'], RegExp>> = {
  text: /^[^\0]*$/,
  integer: /^(0|-?[1-9]\d{0,14})$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
}
