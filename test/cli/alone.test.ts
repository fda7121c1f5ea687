import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aTable, toCsv } from '../helpers/builders.ts'
import { cli } from '../helpers/cli.ts'
import { withoutSettings } from '../helpers/settings.ts'

withoutSettings()

let folder = ''
const path = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-cli-'))
  await writeFile(path('customers.csv'), toCsv(aTable()))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the command line without a service', () => {
  it('starts one for the time of a command, and leaves what it did', async () => {
    const place = ['--data-dir', path('alone')]
    const uploaded = await cli(...place, '--json', 'datasets', 'upload', path('customers.csv'))
    expect(uploaded.code).toBe(0)
    const listed = await cli(...place, '--json', 'datasets', 'list')
    expect(listed.json).toMatchObject({ items: [{ id: uploaded.json.id }] })
  })

  it('ends with 1 where the service that was named does not answer', async () => {
    const said = await cli('--url', 'http://127.0.0.1:9', '--json', 'models', 'list')
    expect(said).toMatchObject({ code: 1, json: { error_code: 'SERVICE_UNREACHABLE' } })
  })

  it('ends with 2 where what was named is no address', async () => {
    for (const url of ['nonsense', 'ftp://127.0.0.1', '127.0.0.1:8080']) {
      const said = await cli('--url', url, '--json', 'models', 'list')
      expect(said).toMatchObject({ code: 2, json: { error_code: 'OPTION_INVALID' } })
    }
  })

  it('shows the configuration in force, without secrets', async () => {
    const shown = await cli(
      '--json',
      'config',
      '--service-port',
      '9123',
      '--database-url',
      'postgres://me:pass-word@host/db',
      '--enable-nats',
    )
    expect(shown.code).toBe(0)
    expect(shown.json).toMatchObject({ SERVICE_PORT: 9123, DATABASE_URL: 'postgres://host/db', ENABLE_NATS: true })
    expect((await cli('config')).out).toMatch(/SERVICE_PORT +8080/)
    expect((await cli('config', '--no-run-worker')).out).toMatch(/RUN_WORKER +false/)
  })

  it('lists every bad setting at once, and ends with 2', async () => {
    const said = await cli('config', '--service-port', 'x', '--batch-size', '0', '--redis-url', 'nowhere')
    expect(said).toMatchObject({ code: 2, out: '' })
    for (const name of ['SERVICE_PORT', 'BATCH_SIZE', 'REDIS_URL']) expect(said.err).toContain(name)
  })

  it('finds what is wrong with a bad configuration as doctor, in one document, and ends with 1', async () => {
    process.env.BATCH_SIZE = '0'
    const said = await cli('--json', 'doctor')
    delete process.env.BATCH_SIZE
    expect(said.code).toBe(1)
    expect(said.json).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'config', ok: false })]))
  })

  it('is well where nothing runs yet', async () => {
    const said = await cli('--data-dir', path('fresh'), '--json', 'doctor')
    expect(said.code).toBe(0)
    expect(said.json).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'service', ok: true })]))
  })

  it('says that the database is away, where it would have to wait for it, and ends with 1', async () => {
    process.env.DATABASE_URL = 'postgres://127.0.0.1:1/none'
    const place = ['--data-dir', path('away'), '--json']
    const [listed, doctor] = [await cli(...place, 'models', 'list'), await cli(...place, 'doctor')]
    delete process.env.DATABASE_URL
    expect(listed).toMatchObject({ code: 1, json: { error_code: 'DATABASE_UNAVAILABLE' } })
    expect(doctor).toMatchObject({ code: 1 })
    expect(doctor.json).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'service', ok: false })]))
  })

  it('leaves no half of a download, and what was there before', async () => {
    const server = createServer((_request, reply) => {
      reply.writeHead(200, { 'content-length': 1000 }).write('half of it', () => reply.destroy())
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await writeFile(path('model.onnx'), 'older')
    const said = await cli('--url', url, 'models', 'download', 'm', '1.0.0', path('model.onnx'))
    server.close()
    expect(said.code).toBe(1)
    expect(await readFile(path('model.onnx'), 'utf8')).toBe('older')
    expect((await readdir(folder)).filter((name) => name.startsWith('model'))).toEqual(['model.onnx'])
  })

  it('says that results can be saved nowhere before they are made', async () => {
    const batch = ['batch', 'm', path('customers.csv'), '--output', path('nowhere/results.csv')]
    const said = await cli('--url', 'http://127.0.0.1:9', '--json', ...batch)
    expect(said).toMatchObject({ code: 2, json: { error_code: 'FILE_UNWRITABLE' } })
  })
})
