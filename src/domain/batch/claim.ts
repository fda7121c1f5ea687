// The queue of chunks, as SQL. Tenants take turns: a claim goes to the tenant with work that was served longest ago, and takes
// its oldest chunk. Leases are measured by the database's clock, so a worker whose clock jumps loses and gains nothing.
import { sql } from 'kysely'
import type { BatchRowError } from '../../contract/batch.ts'
import { json, type Tx } from '../../ports/db/index.ts'
import type { BatchRow } from './store.ts'

export interface Claim {
  readonly tenantId: string
  readonly jobId: string
  readonly index: number
  /** Of this chunk and no other, also where a job was deleted and submitted again under its id. */
  readonly seq: number
  readonly attempt: number
  readonly source: number
  readonly start: number
  readonly end: number
  readonly firstRow: number
  readonly rows: number
  /** Workers that died over it. */
  readonly deaths: number
  /** As it stood at the claim. */
  readonly job: ClaimedJob
}

/** What a worker has to know of a job, read with the claim: a transaction of its own would cost every chunk a millisecond. */
export type ClaimedJob = Pick<
  BatchRow,
  'id' | 'status' | 'folder' | 'model_id' | 'version' | 'sources' | 'request' | 'chunk_count' | 'done_count'
>

/** Tenants that a claim looks at: more than there are claims at one moment. */
const TENANTS_A_CLAIM = 32

/**
 * In a transaction of the service. Undefined when nothing waits that may be begun now. The first chunk says that its job runs, unless somebody
 * holds the job just now, a cancellation say: waiting for them, who may wait for the chunk, would be for ever.
 */
export async function claimChunk(tx: Tx, leaseSeconds: number): Promise<Claim | undefined> {
  // The turns are sorted before anybody is asked for work: no more tenants are asked than are needed. A turn that another claim has taken
  // since this one looked is passed over (the row is locked, then held against what was seen): taken as it is found, it would be this
  // tenant's second in a row. Claims at the same moment go to different tenants, where there are several: otherwise one would get as many
  // turns for one. The tenant of `pick` is one value, so that its chunks are read in their order and only the first of them.
  const { rows } = await sql<Claim>`
    with seen as materialized (
      select t.tenant_id, t.turn from (select tenant_id, turn from batch_turns order by turn, tenant_id offset 0) t
      where exists (
        select from batch_chunks c
        where c.tenant_id = t.tenant_id and c.status = 'waiting' and c.available_at <= clock_timestamp())
      limit ${TENANTS_A_CLAIM}::integer
    ), mine as materialized (
      select t.tenant_id from batch_turns t join seen on seen.tenant_id = t.tenant_id and seen.turn = t.turn
      order by t.turn, t.tenant_id limit 1 for update of t skip locked
    ), pick as materialized (
      select c.tenant_id, c.job_id, c.index from batch_chunks c
      where c.tenant_id = coalesce(
          (select tenant_id from mine), (select tenant_id from seen order by turn, tenant_id limit 1))
        and c.status = 'waiting' and c.available_at <= clock_timestamp()
      order by c.seq limit 1 for update of c skip locked
    ), turned as (
      update batch_turns t set turn = nextval('batch_turn') from pick where t.tenant_id = pick.tenant_id
    ), first as materialized (
      select j.tenant_id, j.id from batch_jobs j
      where j.tenant_id = (select tenant_id from pick) and j.id = (select job_id from pick) and j.status = 'queued'
      for update of j skip locked
    ), begun as (
      update batch_jobs j set status = 'running', started_at = clock_timestamp()
      from first where j.tenant_id = first.tenant_id and j.id = first.id
    )
    update batch_chunks c
    set status = 'running', attempt = c.attempt + 1,
      lease_until = clock_timestamp() + make_interval(secs => ${leaseSeconds}::double precision)
    from pick join batch_jobs j on j.tenant_id = pick.tenant_id and j.id = pick.job_id
    where c.tenant_id = pick.tenant_id and c.job_id = pick.job_id and c.index = pick.index
    returning c.tenant_id as "tenantId", c.job_id as "jobId", c.index, c.seq, c.attempt, c.source,
      c.start_byte as start, c.end_byte as "end", c.first_row as "firstRow", c.rows, c.deaths, jsonb_build_object('id', j.id,
        'status', case when exists (select from first) then 'running' else j.status end, 'folder', j.folder,
        'model_id', j.model_id, 'version', j.version, 'sources', j.sources, 'request', j.request,
        'chunk_count', j.chunk_count, 'done_count', j.done_count) as job`.execute(tx)
  const [claim] = rows
  return claim && { ...claim, start: Number(claim.start), end: Number(claim.end), firstRow: Number(claim.firstRow) }
}

const place = ({ tenantId, jobId, index, seq }: Claim) =>
  sql`tenant_id = ${tenantId} and job_id = ${jobId} and index = ${index} and seq = ${seq}`
const mine = (claim: Claim) => sql`${place(claim)} and attempt = ${claim.attempt} and status = 'running'`

/** Says that the claim is still worked on. False: it was lost, or the job has ended. */
export async function extendClaim(tx: Tx, claim: Claim, leaseSeconds: number): Promise<boolean> {
  const { rows } = await sql`
    update batch_chunks
    set lease_until = clock_timestamp() + make_interval(secs => ${leaseSeconds}::double precision)
    where ${mine(claim)} returning 1`.execute(tx)
  return rows.length > 0
}

export interface ChunkResult {
  readonly failedRows: number
  readonly bytes: number
  /** The first of them. */
  readonly errors: readonly BatchRowError[]
}

/** How far its job is, this chunk counted. */
export type Counted = Pick<BatchRow, 'done_count' | 'chunk_count'>

/** Statements that `completeChunk` sends, without waiting in between. */
export const TO_COMPLETE = 2

/** Undefined: the claim was lost, or the job has ended, and what was made under it counts for nothing. */
export async function completeChunk(tx: Tx, claim: Claim, result: ChunkResult): Promise<Counted | undefined> {
  const { tenantId, jobId, job, rows } = claim
  const open = sql`tenant_id = ${tenantId} and id = ${jobId} and folder = ${job.folder} and status = 'running'`
  // The job before the chunk, here as in a cancellation: otherwise the two could wait for each other. And by a statement of its own,
  // so that the next one sees what was counted while this one waited.
  const locked = sql`select from batch_jobs where ${open} for update`.execute(tx)
  const counted = sql<Counted>`
    with done as (
      update batch_chunks
      set status = 'done', lease_until = null, failed_rows = ${result.failedRows}, result_bytes = ${result.bytes},
        row_errors = ${result.errors.length > 0 ? json(result.errors) : null}::jsonb
      where ${mine(claim)} and exists (select from batch_jobs where ${open}) returning 1
    )
    update batch_jobs
    set processed_count = processed_count + ${rows}::bigint, failed_count = failed_count + ${result.failedRows}::bigint,
      done_count = done_count + 1
    where ${open} and exists (select from done) returning done_count, chunk_count`.execute(tx)
  const [, answer] = await Promise.all([locked, counted])
  return answer.rows[0]
}

/** `fault`: of the chunk; `outage`: of something else that was away or busy. */
export type Trouble = 'fault' | 'outage'

export interface FailedChunk {
  readonly trouble: Trouble
  readonly pauseSeconds: (times: number) => number
}

/** Back into the queue after a failure. @returns how often it has had this trouble; undefined when the claim was lost. */
export async function failChunk(tx: Tx, claim: Claim, { trouble, pauseSeconds }: FailedChunk) {
  const count = sql.ref(trouble === 'fault' ? 'failures' : 'outages')
  const { rows } = await sql<{ times: number }>`
    update batch_chunks set status = 'waiting', lease_until = null, ${count} = ${count} + 1
    where ${mine(claim)} returning ${count} as times`.execute(tx)
  const times = rows[0]?.times
  if (times === undefined) return undefined
  await sql`
    update batch_chunks
    set available_at = clock_timestamp() + make_interval(secs => ${pauseSeconds(times)}::double precision)
    where ${place(claim)}`.execute(tx)
  return times
}

/** Back into the queue as if it had not been claimed. */
export async function releaseChunk(tx: Tx, claim: Claim): Promise<void> {
  await sql`update batch_chunks set status = 'waiting', lease_until = null where ${mine(claim)}`.execute(tx)
}

/**
 * A worker that could not be heard of for the length of its lease is not dead: what was taken back from it counts as an outage, and what
 * nobody has taken back yet is given back.
 */
export async function survive(tx: Tx, claim: Claim): Promise<void> {
  const isMine = sql`(status = 'running' and attempt = ${claim.attempt})`
  await sql`
    update batch_chunks
    set outages = outages + 1,
      deaths = case when ${isMine} then deaths else greatest(deaths - 1, 0) end,
      lease_until = case when ${isMine} then null else lease_until end,
      status = case when ${isMine} then 'waiting' else status end
    where ${place(claim)} and attempt >= ${claim.attempt} and status <> 'done'`.execute(tx)
}

export interface Abandoned {
  readonly tenantId: string
  readonly jobId: string
  /** Of the job. */
  readonly folder: string
  readonly deaths: number
}

/** Puts chunks whose lease has run out (`all`: every claimed one) back into the queue: their workers count as dead. */
export async function takeBackChunks(tx: Tx, which: 'expired' | 'all'): Promise<readonly Abandoned[]> {
  const until = which === 'all' ? sql`'infinity'` : sql`clock_timestamp()`
  const { rows } = await sql<Abandoned>`
    update batch_chunks set status = 'waiting', lease_until = null, deaths = deaths + 1
    where (tenant_id, job_id, index) in (
      select tenant_id, job_id, index from batch_chunks
      where status = 'running' and lease_until < ${until} for update skip locked)
    returning tenant_id as "tenantId", job_id as "jobId", deaths, (select folder from batch_jobs j
      where j.tenant_id = batch_chunks.tenant_id and j.id = batch_chunks.job_id) as folder`.execute(tx)
  return rows
}
