import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigSchema, envName, loadConfig, shownConfig, withoutCredentials } from './config.ts'
import { MlError } from './core/failure.ts'

function problemsOf(env: Record<string, string>): { message: string; fields: string[] } {
  try {
    loadConfig({ env })
  } catch (error) {
    if (!(error instanceof MlError)) throw error
    const errors = error.details?.errors as { field: string }[]
    return { message: error.message, fields: errors.map(({ field }) => field) }
  }
  throw new Error('the configuration was accepted')
}

function configFile(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'modelyard-config-')), 'config.json')
  writeFileSync(file, text)
  return file
}

describe('memory that is not set', () => {
  it('is a share of what the container may use, where that is less than the machine', () => {
    const asked = process.constrainedMemory
    process.constrainedMemory = () => 4_000_000_000
    try {
      const { modelMemoryMb, recycleAboveMb, trainingMemoryMb } = loadConfig({ env: {} })
      expect({ modelMemoryMb, recycleAboveMb, trainingMemoryMb }).toEqual({
        modelMemoryMb: 2000,
        recycleAboveMb: 3200,
        trainingMemoryMb: 3000,
      })
      expect(loadConfig({ env: { TRAINING_CONCURRENCY: '2' } }).trainingMemoryMb).toBe(1500)
    } finally {
      process.constrainedMemory = asked
    }
  })
})

describe('the settings of OpenTelemetry', () => {
  it('bear their standard names', () => {
    const config = loadConfig({
      env: {
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20x,x-team=ml',
        OTEL_TRACES_SAMPLER: 'always_on',
        OTEL_TRACES_SAMPLER_ARG: '0.25',
        OTEL_EXPORTER_OTLP_TIMEOUT: '500',
      },
    })
    expect(config).toMatchObject({
      enableOtel: false,
      otelExporterOtlpEndpoint: 'http://localhost:4318',
      otelTracesSampler: 'always_on',
      otelTracesSamplerArg: 0.25,
      otelExporterOtlpTimeout: 500,
    })
    expect(JSON.stringify(shownConfig(config))).not.toContain('Bearer')
  })

  it('are refused where they break the standard, without their secrets', () => {
    const { fields, message } = problemsOf({
      OTEL_EXPORTER_OTLP_HEADERS: 'Bearer secret',
      OTEL_RESOURCE_ATTRIBUTES: 'a=%zz',
      OTEL_TRACES_SAMPLER: 'jaeger_remote',
      OTEL_TRACES_SAMPLER_ARG: '2',
    })
    expect(fields.toSorted()).toEqual([
      'otelExporterOtlpHeaders',
      'otelResourceAttributes',
      'otelTracesSampler',
      'otelTracesSamplerArg',
    ])
    expect(message).not.toContain('secret')
  })
})

describe('the configuration', () => {
  it('has a default for everything that must be known', () => {
    const config = loadConfig({ env: {} })
    expect(config).toMatchObject({
      serviceName: 'modelyard',
      servicePort: 8080,
      serviceHost: '127.0.0.1',
      batchSize: 32,
      cacheTtl: 3600,
      modelStorage: 'local',
      enableNats: false,
      runWorker: true,
      balancedClassWeight: false,
    })
    expect(config.databaseUrl).toBeUndefined()
    expect(config.mlWorkers).toBeGreaterThanOrEqual(1)
  })

  it('is frozen', () => {
    expect(Object.isFrozen(loadConfig({ env: {} }))).toBe(true)
  })

  it('makes its folders absolute and puts the artefacts into the data folder', () => {
    const config = loadConfig({ env: { DATA_DIR: 'some/where' } })
    expect(isAbsolute(config.dataDir)).toBe(true)
    expect(config.modelPath).toBe(join(config.dataDir, 'artifacts'))
  })

  it('takes flags over the environment, and the environment over the file', () => {
    const file = configFile(JSON.stringify({ servicePort: 1, batchSize: 1, logLevel: 'warn' }))
    const config = loadConfig({
      file,
      env: { SERVICE_PORT: '2', BATCH_SIZE: '2' },
      overrides: { servicePort: 3, logLevel: undefined },
    })
    expect(config).toMatchObject({ servicePort: 3, batchSize: 2, logLevel: 'warn' })
  })

  it('names the settings of the environment by rule', () => {
    const names = Object.keys(ConfigSchema.properties).map(envName)
    for (const name of [
      'DATABASE_URL',
      'S3_BUCKET',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'ML_WORKERS',
      'DATA_DIR',
      'GRPC_PORT',
    ])
      expect(names).toContain(name)
  })

  it('knows the older names of some settings', () => {
    expect(loadConfig({ env: { ML_SERVICE_PORT: '9001', ARTIFACTS_DIR: '/tmp/a' } })).toMatchObject({
      servicePort: 9001,
      modelPath: '/tmp/a',
    })
  })

  it('prefers the newer name where both are given', () => {
    expect(loadConfig({ env: { ML_SERVICE_PORT: '9001', SERVICE_PORT: '9002' } }).servicePort).toBe(9002)
  })

  it.each([
    ['True', true],
    ['true', true],
    ['1', true],
    ['YES', true],
    ['on', true],
    ['False', false],
    ['0', false],
    ['no', false],
    ['OFF', false],
  ])('reads the boolean %s', (word, value) => {
    expect(loadConfig({ env: { BALANCED_CLASS_WEIGHT: word, RUN_WORKER: word } })).toMatchObject({
      balancedClassWeight: value,
      runWorker: value,
    })
  })

  it('takes an empty variable for one that is not set', () => {
    expect(loadConfig({ env: { DATABASE_URL: '', SERVICE_PORT: '', REDIS_URL: '' } })).toMatchObject({
      servicePort: 8080,
    })
  })

  it('ignores variables that are none of its business', () => {
    expect(loadConfig({ env: { HOME: '/root', PATH: '/bin', SOMETHING: 'else' } }).servicePort).toBe(8080)
  })

  it('lists all problems at once, by the names of the environment', () => {
    const { message, fields } = problemsOf({
      SERVICE_PORT: 'eighty',
      BATCH_SIZE: '0',
      LOG_LEVEL: 'loud',
      ENABLE_NATS: 'perhaps',
      DATABASE_URL: 'mysql://host/db',
      MODEL_STORAGE: 's3',
      SUPABASE_URL: 'https://x.supabase.co',
      AUTH_MODE: 'magic',
    })
    expect(fields.toSorted()).toEqual(
      [
        'authMode',
        'batchSize',
        'databaseUrl',
        'enableNats',
        'logLevel',
        's3Bucket',
        'servicePort',
        'supabaseServiceKey',
      ].toSorted(),
    )
    expect(message).toContain('8 problem(s)')
    for (const name of [
      'SERVICE_PORT',
      'BATCH_SIZE',
      'LOG_LEVEL',
      'ENABLE_NATS',
      'DATABASE_URL',
      'S3_BUCKET',
      'AUTH_MODE',
    ])
      expect(message).toContain(`${name}: `)
  })

  it('refuses times that no timer can wait and no calendar holds', () => {
    const { fields } = problemsOf({
      TRAINING_TIMEOUT_SECONDS: '31536000',
      NATS_REQUEST_TIMEOUT_SECONDS: '2147484',
      OTEL_EXPORTER_OTLP_TIMEOUT: '2147483648',
      BATCH_LEASE_SECONDS: '10000000',
      BATCH_RETENTION_DAYS: '1000000000000',
    })
    expect(fields.toSorted()).toEqual([
      'batchLeaseSeconds',
      'batchRetentionDays',
      'natsRequestTimeoutSeconds',
      'otelExporterOtlpTimeout',
      'trainingTimeoutSeconds',
    ])
  })

  it('refuses unknown keys of a file and of flags', () => {
    const file = configFile('{"servicePort": 1, "servicePrt": 2}')
    expect(() => loadConfig({ file, env: {} })).toThrow(/SERVICE_PRT: is not a known field/)
  })

  it('says which file cannot be read', () => {
    expect(() => loadConfig({ file: '/nowhere/config.json', env: {} })).toThrow(/\/nowhere\/config\.json/)
    expect(() => loadConfig({ file: configFile('{"servicePort": '), env: {} })).toThrow(/Cannot read the configuration/)
  })

  it('takes only a JSON object for a file', () => {
    for (const text of ['[1]', '"text"', 'null', '3'])
      expect(() => loadConfig({ file: configFile(text), env: {} })).toThrow(/must hold a JSON object/)
  })
})

describe('secrets', () => {
  const key = 'sb-very-secret'

  it('are masked where the configuration is shown', () => {
    const config = loadConfig({
      env: {
        SUPABASE_URL: 'https://x.supabase.co',
        SUPABASE_SERVICE_KEY: key,
        DATABASE_URL: 'postgres://user:pass-word@db.example/app',
        REDIS_URL: 'redis://:pass-word@cache.example:6379/0',
      },
    })
    const shown = JSON.stringify(shownConfig(config))
    expect(shown).not.toContain(key)
    expect(shown).not.toContain('pass-word')
    expect(shown).toContain('db.example')
    expect(shownConfig(config)).toMatchObject({ SUPABASE_SERVICE_KEY: '***' })
  })

  it.each([
    'mysql://user:pass-word@host/db',
    'user:pass-word@host/db',
    'postgres:user:pass-word@host',
    'mysql://user:pass@word/pass-word@host/db',
  ])('are not repeated by a complaint about %s', (url) => {
    const { message } = problemsOf({ DATABASE_URL: url, REDIS_URL: url })
    expect(message).toContain('DATABASE_URL')
    expect(message).not.toContain('pass')
  })

  it('are not repeated beside a setting that does not exist', () => {
    const file = configFile(JSON.stringify({ supabaseServiceKey: key, supabaseUrl: 'https://x.co', colour: 'red' }))
    try {
      loadConfig({ file, env: {} })
      expect.unreachable()
    } catch (error) {
      expect((error as MlError).details).toEqual({
        errors: [{ field: 'colour', message: 'is not a known field', value: 'red' }],
      })
    }
  })

  it('are not repeated when the secret itself is wrong', () => {
    try {
      loadConfig({ env: {}, overrides: { supabaseServiceKey: 12345678 as unknown as string, batchSize: 0 } })
      expect.unreachable()
    } catch (error) {
      expect(JSON.stringify((error as MlError).details) + (error as MlError).message).not.toContain('12345678')
    }
  })

  it.each([
    ['postgres://user:secret@host:5432/db', 'postgres://host:5432/db'],
    ['postgres://user:s@cr/et@host/db', 'postgres://host/db'],
    ['redis://:secret@host', 'redis://host'],
    ['nats://a:secret@one:4222,nats://b:secret@two:4222', 'nats://one:4222,nats://two:4222'],
    [
      'postgres://host/db?user=u&password=secret&sslmode=require',
      'postgres://host/db?user=u&password=***&sslmode=require',
    ],
    ['http://host/path?mail=a@b', 'http://host/path?mail=a@b'],
    ['postgres://host/db', 'postgres://host/db'],
    ['modelyard', 'modelyard'],
  ])('leave %s', (address, shown) => {
    expect(withoutCredentials(address)).toBe(shown)
  })
})
