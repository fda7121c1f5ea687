// What every migration that adds a tenant's table needs: the role tenants act as, and the policy that confines it.
import { type Kysely, sql } from 'kysely'
import { fail } from '../../../core/failure.ts'
import { isSqlError } from '../errors.ts'

const INSUFFICIENT_PRIVILEGE = '42501'

/**
 * Makes the role `modelyard_tenant` where it is missing and makes the current user a member of it. Roles belong to the
 * whole server, so another database may be doing the same at this moment.
 * @throws `forbidden` `DATABASE_PRIVILEGE` with the statements an administrator has to run.
 */
export async function createTenantRole(db: Kysely<unknown>): Promise<void> {
  try {
    await sql.raw(CREATE_ROLE).execute(db)
  } catch (error) {
    if (!isSqlError(error) || error.code !== INSUFFICIENT_PRIVILEGE) throw error
    const user = error.message.match(/^user (.*) may not/)?.[1] ?? 'the user of DATABASE_URL'
    throw fail(
      'forbidden',
      'DATABASE_PRIVILEGE',
      `The database user may not create the role that keeps tenants apart. Run as an administrator: ` +
        `CREATE ROLE modelyard_tenant NOLOGIN; GRANT modelyard_tenant TO ${user};`,
      { cause: error },
    )
  }
}

const CREATE_ROLE = `do $$
begin
  if not exists (select from pg_roles where rolname = 'modelyard_tenant') then
    begin
      create role modelyard_tenant nologin;
    exception when duplicate_object or unique_violation then null;
    end;
  end if;
  begin
    set local role modelyard_tenant;
    set local role none;
  exception when insufficient_privilege then
    execute format('grant modelyard_tenant to %I', session_user);
  end;
  execute format('grant usage on schema %I to modelyard_tenant', current_schema());
exception when insufficient_privilege then
  raise exception 'user % may not create or join modelyard_tenant: %', quote_ident(session_user), sqlerrm
    using errcode = 'insufficient_privilege';
end $$`

/** Confines tenants to their own rows of `table`, for reading and for writing. */
export async function protectTenantTable(db: Kysely<unknown>, table: string, grants: string): Promise<void> {
  const own = `tenant_id = current_setting('modelyard.tenant', true)`
  await sql
    .raw(
      `alter table ${table} enable row level security;
       create policy tenant_rows on ${table} to modelyard_tenant using (${own}) with check (${own});
       grant ${grants} on ${table} to modelyard_tenant`,
    )
    .execute(db)
}
