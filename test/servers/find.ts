// Where a test server comes from, in this order: the environment's URL, the usual port, an installed program, Debian's
// packages (as root). When none of it works the answer is a sentence that says what to run.
import { canInstall, install } from './debian.ts'
import { findNats, probeNats, startNats } from './nats.ts'
import { findPostgres, probePostgres, startPostgres } from './postgres.ts'
import { findRedis, probeRedis, startRedis } from './redis.ts'
import { findS3, probeS3, type S3Place, startS3 } from './s3.ts'
import type { TestServer } from './server.ts'

/** What a test is handed for each server; JSON, because it crosses processes. */
export interface ServerPlaces {
  readonly postgres: { readonly url: string }
  readonly redis: { readonly url: string }
  readonly nats: { readonly url: string }
  readonly s3: S3Place
}

export type ServerName = keyof ServerPlaces

export interface Found<Place> {
  readonly place: Place
  /** Set when we started it and so must stop it. */
  readonly server?: TestServer
}

interface Source<Place> {
  readonly title: string
  readonly variables: string
  readonly packages: readonly string[]
  readonly fromEnvironment: () => Place | undefined
  readonly usual: () => readonly Place[]
  readonly probe: (place: Place) => Promise<void>
  readonly installed: () => boolean
  readonly start: () => Promise<Found<Place>>
}

const env = process.env
const url = (text: string | undefined) => (text ? { url: text } : undefined)

export const SOURCES: { readonly [Name in ServerName]: Source<ServerPlaces[Name]> } = {
  postgres: {
    title: 'PostgreSQL 15 or later',
    variables: 'TEST_DATABASE_URL',
    packages: ['postgresql'],
    fromEnvironment: () => url(env.TEST_DATABASE_URL || env.DATABASE_URL),
    usual: () =>
      ['postgres:postgres@', 'postgres@'].map((user) => ({ url: `postgres://${user}127.0.0.1:5432/postgres` })),
    probe: (place) => probePostgres(place.url),
    installed: () => findPostgres() !== undefined,
    start: () => startPostgres().then((server) => ({ place: { url: server.url }, server })),
  },
  redis: {
    title: 'Redis',
    variables: 'REDIS_URL',
    packages: ['redis-server'],
    fromEnvironment: () => url(env.REDIS_URL),
    usual: () => [{ url: 'redis://127.0.0.1:6379/0' }],
    probe: (place) => probeRedis(place.url),
    installed: () => findRedis() !== undefined,
    start: () => startRedis().then((server) => ({ place: { url: server.url }, server })),
  },
  nats: {
    title: 'NATS with JetStream',
    variables: 'NATS_URL',
    packages: ['nats-server'],
    fromEnvironment: () => url(env.NATS_URL),
    usual: () => [{ url: 'nats://127.0.0.1:4222' }],
    probe: (place) => probeNats(place.url),
    installed: () => findNats() !== undefined,
    start: () => startNats().then((server) => ({ place: { url: server.url }, server })),
  },
  s3: {
    title: 'an S3 server',
    variables: 'S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY',
    packages: ['radosgw', 'ceph-mon', 'ceph-osd'],
    fromEnvironment: () => (env.S3_ENDPOINT ? s3At(env.S3_ENDPOINT, s3Keys()) : undefined),
    usual: () => [
      ...(env.AWS_ACCESS_KEY_ID ? [s3At('http://127.0.0.1:7480', s3Keys())] : []),
      s3At('http://127.0.0.1:9000', ['minioadmin', 'minioadmin']),
    ],
    probe: probeS3,
    installed: () => findS3() !== undefined,
    start: () => startS3().then((server) => ({ place: server.place, server })),
  },
}

function s3Keys(): readonly [string, string] {
  return [env.AWS_ACCESS_KEY_ID ?? '', env.AWS_SECRET_ACCESS_KEY ?? '']
}

function s3At(endpoint: string, [accessKeyId, secretAccessKey]: readonly [string, string]): S3Place {
  const [region, bucket] = [env.AWS_REGION ?? 'us-east-1', env.S3_BUCKET ?? 'modelyard-test']
  return { endpoint, region, bucket, accessKeyId, secretAccessKey }
}

/** Finds or starts one server; throws a sentence that says what to do when that is impossible. */
export async function findServer<Name extends ServerName>(name: Name): Promise<Found<ServerPlaces[Name]>> {
  const source: Source<ServerPlaces[Name]> = SOURCES[name]
  const given = source.fromEnvironment()
  if (given) {
    await source.probe(given).catch((error: unknown) => {
      throw new Error(`${source.variables} is set, but ${source.title} does not answer there: ${String(error)}`)
    })
    return { place: given }
  }
  for (const place of source.usual()) {
    const answers = await source.probe(place).then(
      () => true,
      () => false,
    )
    if (answers) return { place }
  }
  if (!source.installed() && canInstall()) await install(source.packages)
  if (!source.installed()) throw new Error(advice(source))
  return source.start()
}

function advice({ title, variables, packages }: Pick<Source<unknown>, 'title' | 'variables' | 'packages'>): string {
  const words = packages.join(' ')
  return `There is no ${title}. Run "sudo apt-get install --no-install-recommends ${words}", or set ${variables}.`
}
