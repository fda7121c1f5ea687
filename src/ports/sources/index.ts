// The sources port: systems of the operator that know features no tenant wrote here. Which of them knows what of whom is the
// operator's configuration; a tenant can neither see nor change it.

/** What a source says of one entity: value by feature, not yet checked against any declaration. */
export type SourceRow = Readonly<Record<string, unknown>>

export interface FeatureSource {
  /** Another one for another mapping, so that what was kept under the old one is not found. */
  readonly name: string
  /** The features it may know. */
  readonly features: readonly string[]
  /** How long an answer may be kept; for entities it does not have, and for those it has. */
  readonly keepSeconds: { readonly absent: number; readonly found: number }
  /**
   * By id; null for an entity it does not have. Ids are left out where there is no answer: the source is away or slow. Never
   * rejects, and ends within the configured time-out.
   */
  fetch(ids: readonly string[]): Promise<ReadonlyMap<string, SourceRow | null>>
}

export interface FeatureSources {
  /** Undefined where nothing is configured for this tenant and entity type. */
  of(tenantId: string, entityType: string): FeatureSource | undefined
}

/** `answered`: by the source; `failed`: by no usable answer in time; `refused`: not asked, because it failed too often. */
export type SourceOutcome = 'answered' | 'failed' | 'refused'
