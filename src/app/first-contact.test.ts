import { expect, it } from 'vitest'
import type { Database } from '../ports/db/index.ts'
import { afterMigration } from './first-contact.ts'

/** Answers every transaction with the tenant it is for. */
const open = { tenant: async (tenantId: string) => tenantId } as unknown as Database
const transaction = (db: Database) => db.tenant('a', async () => undefined)

it('lets transactions wait for a migration that is under way', async () => {
  const migration = Promise.withResolvers<void>()
  const db = afterMigration(open, migration.promise, 60_000)
  const waiting = transaction(db)
  migration.resolve()
  expect(await waiting).toBe('a')
  expect(await transaction(db)).toBe('a')
})

it('says that the service is starting when the migration takes long', async () => {
  const db = afterMigration(open, new Promise(() => {}), 1)
  await expect(transaction(db)).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'SERVICE_STARTING',
    retryAfterSeconds: 1,
  })
})

it('works again once a late migration is done, and never after one that cannot be done', async () => {
  const migration = Promise.withResolvers<void>()
  const db = afterMigration(open, migration.promise, 1)
  await expect(transaction(db)).rejects.toMatchObject({ code: 'SERVICE_STARTING' })
  migration.resolve()
  expect(await transaction(db)).toBe('a')
  const never = afterMigration(open, Promise.reject(new Error('no')), 60_000)
  await expect(transaction(never)).rejects.toMatchObject({ code: 'SERVICE_STARTING' })
})
