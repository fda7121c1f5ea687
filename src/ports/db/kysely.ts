// Kysely without its own connections: it writes the SQL, and each transaction brings the connection it runs on.
import {
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  type KyselyProps,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely'
import type { Schema } from './schema.ts'

const dialect = {
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db: Kysely<unknown>) => new PostgresIntrospector(db),
  createQueryCompiler: () => new PostgresQueryCompiler(),
}
const executor = new Kysely<Schema>({ dialect }).getExecutor()
const driver = new DummyDriver()

/** What `new Transaction` needs in order to run on `connection`. */
export function kyselyProps(connection: DatabaseConnection): KyselyProps {
  const provider = { provideConnection: <T>(consume: (c: DatabaseConnection) => Promise<T>) => consume(connection) }
  return { config: { dialect }, dialect, driver, executor: executor.withConnectionProvider(provider) }
}
