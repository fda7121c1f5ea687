// S3 for tests: Ceph's object gateway over one monitor and one in-memory storage daemon, all in a temporary directory.
// The daemons trust each other (no cephx); the gateway checks every client's signature. Up in about two seconds.
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateBucketCommand, HeadBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3'
import { cephSettings } from './ceph-settings.ts'
import { type Daemon, findProgram, freePort, launch, runCommand, untilReady, workDirectory } from './process.ts'
import { type TestServer, testServer } from './server.ts'

export interface S3Place {
  readonly endpoint: string
  readonly region: string
  /** Exists. */
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface S3Server extends TestServer {
  readonly place: S3Place
}

const PROGRAMS = ['ceph-mon', 'ceph-osd', 'ceph', 'monmaptool', 'radosgw', 'radosgw-admin'] as const

type Programs = Readonly<Record<(typeof PROGRAMS)[number], string>>

export function findS3(): Programs | undefined {
  const found = PROGRAMS.map((name) => [name, findProgram(name)] as const)
  return found.every(([, path]) => path) ? (Object.fromEntries(found) as Programs) : undefined
}

/** Throws unless the endpoint answers with these keys; creates the bucket when it is missing. */
export async function probeS3(place: S3Place): Promise<void> {
  const client = new S3Client({
    endpoint: place.endpoint,
    region: place.region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: place.accessKeyId, secretAccessKey: place.secretAccessKey },
  })
  try {
    await client.send(new ListBucketsCommand())
    const missing = await client.send(new HeadBucketCommand({ Bucket: place.bucket })).then(
      () => false,
      () => true,
    )
    if (missing) await client.send(new CreateBucketCommand({ Bucket: place.bucket }))
  } finally {
    client.destroy()
  }
}

/** `kill`, `restart` and `freeze` act on the gateway alone; what it stores stays. */
export async function startS3(): Promise<S3Server> {
  const programs = findS3()
  if (!programs) throw new Error('Ceph is not installed')
  const directory = await workDirectory('s3')
  const config = join(directory, 'ceph.conf')
  const [monitorPort, port, cluster] = [await freePort(), await freePort(), randomUUID()]
  const place: S3Place = {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    bucket: 'modelyard-test',
    accessKeyId: randomBytes(10).toString('hex').toUpperCase(),
    secretAccessKey: randomBytes(20).toString('hex'),
  }
  for (const name of ['mon', 'osd', 'rgw']) await mkdir(join(directory, name))
  await writeFile(config, cephSettings({ directory, cluster, monitorPort, port }))
  const storage = await startStorage(programs, directory, [cluster, String(monitorPort)])
  const user = ['user', 'create', '--uid=modelyard', '--display-name=modelyard']
  const keys = [`--access-key=${place.accessKeyId}`, `--secret-key=${place.secretAccessKey}`]
  await runCommand([programs['radosgw-admin'], '-c', config, '-n', 'client.rgw', ...user, ...keys], { directory })
  const server = await testServer({
    url: place.endpoint,
    directory,
    stopSignal: 'SIGKILL', // it drains for half a minute when asked politely, and nothing here outlives the run
    async start() {
      const daemon = launch('radosgw', [programs.radosgw, '-f', '-n', 'client.rgw', '-c', config], { directory })
      await untilReady(daemon, () => probeS3(place))
      return daemon
    },
    clear: () => Promise.reject(new Error('The object store of a run cannot be emptied')),
    async afterwards() {
      for (const daemon of storage) await daemon.stop('SIGKILL')
    },
  })
  return { ...server, place }
}

async function startStorage(
  programs: Programs,
  directory: string,
  [cluster, monitorPort]: readonly [string, string],
): Promise<readonly Daemon[]> {
  const config = ['-c', join(directory, 'ceph.conf')]
  const map = join(directory, 'monmap')
  const address = `[v2:127.0.0.1:${monitorPort}]`
  const here = { directory }
  await runCommand([programs.monmaptool, '--create', '--addv', 'a', address, '--fsid', cluster, map], here)
  await runCommand([programs['ceph-mon'], '--mkfs', '-i', 'a', '--monmap', map, ...config], here)
  const monitor = launch('mon', [programs['ceph-mon'], '-f', '-i', 'a', ...config], here)
  // The number 0 is given to this id, and the daemon must carry the same id or it is never let in.
  const id = randomUUID()
  const join0 = [programs.ceph, ...config, '--connect-timeout', '5', 'osd', 'new', id]
  await untilReady(monitor, () => runCommand(join0, here))
  await runCommand([programs['ceph-osd'], '--mkfs', '--osd-uuid', id, '-i', '0', ...config], here)
  return [launch('osd', [programs['ceph-osd'], '-f', '-i', '0', ...config], here), monitor]
}
