// A file that is still on its way when the transaction it belongs to is rolled back, and somebody else gets the number of its version.
import { Readable } from 'node:stream'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { serviceCtx } from '../../src/domain/ctx.ts'
import { importVersion } from '../../src/domain/models/index.ts'
import type { Objects } from '../../src/ports/objects/index.ts'
import { aDatabase, DATABASES, startApp } from '../helpers/app.ts'
import { refusal } from '../helpers/failing.ts'
import { addModel } from '../runtime-models.ts'

/** Objects whose first put of a model waits for `release` before its last byte. */
function holding(objects: Objects) {
  const begun = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  let isFirst = true
  const held: Objects = {
    ...objects,
    async put(key, body, options) {
      if (!isFirst || !key.endsWith('model.onnx')) return objects.put(key, body, options)
      isFirst = false
      async function* slowly() {
        yield* body as Readable
        begun.resolve()
        await released.promise
      }
      return objects.put(key, slowly(), options)
    },
  }
  return { held, begun: begun.promise, release: released.resolve }
}

describe.skipIf(!DATABASES.includes('postgres'))('an import whose transaction is rolled back', () => {
  it.each(['after', 'before'])(
    'does not touch the version that has its number, its file being there %s',
    async (when) => {
      await using database = await aDatabase()
      await using app = await startApp({ database: database.url, worker: false })
      const { services } = app.app
      const { id: model_id } = await app.client.models.create({ name: 'raced', type: 'regression' })
      const { held, begun, release } = holding(services.objects)
      const late = importVersion(
        { ...serviceCtx(services, 'default', AbortSignal.timeout(60_000), 'late'), objects: held },
        { model_id, trusted: true },
        { filename: 'late.onnx', stream: Readable.from([addModel(100)]) },
      )
      const refused = refusal(late)
      await begun
      // The database gives the connection up, and nobody tells the one who stores the file.
      await services.db.system((tx) =>
        sql`select pg_terminate_backend(pid) from pg_stat_activity
        where state = 'idle in transaction' and datname = current_database() and pid <> pg_backend_pid()`.execute(tx),
      )
      if (when === 'before') {
        release()
        await refused
      }
      const { version } = await app.client.versions.import({ model_id, file: addModel(5), trusted: true })
      release()
      expect(await refused).toMatchObject(when === 'before' ? { kind: 'unavailable' } : {})
      expect(version).toBe('1.0.0')
      await app.client.models.deploy({ model_id, version })
      expect(await app.client.models.predict({ model_id, input_data: { x: 1 } })).toMatchObject({ prediction: 6 })
    },
  )
})
