// Configuration: one schema, read from a file, then the environment, then flags. The only reader of process.env.
// Keys are camelCase; the environment's names follow by rule (databaseUrl ↔ DATABASE_URL), with a few older aliases.
import { readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { type Static, Type } from 'typebox'
import { compileCheck } from './core/check.ts'
import { type FieldError, fail } from './core/failure.ts'
import { LOG_LEVELS } from './core/log.ts'
import { pairsOf } from './core/pairs.ts'
import { SAMPLERS } from './core/trace.ts'

const text = (description: string, options = {}) =>
  Type.Optional(Type.String({ minLength: 1, description, ...options }))
const url = (description: string, schemes: string) => text(description, { pattern: `^(${schemes})://.+` })
const flag = (description: string) => Type.Boolean({ default: false, description })
const port = (description: string, options = {}) =>
  Type.Integer({ minimum: 0, maximum: 65535, description, ...options })
const word = <const T extends readonly string[]>(values: T, fallback: T[number], description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], default: fallback, description })

/** No setting waits longer: a timer that is asked for more than 24 days fires at once, and a job is over after a day. */
const DAY_SECONDS = 86_400
const upToADay = (fallback: number, description: string) =>
  Type.Integer({ default: fallback, minimum: 1, maximum: DAY_SECONDS, description })
const days = (fallback: number, description: string) =>
  Type.Integer({ default: fallback, minimum: 1, maximum: 36_500, description })

export const ConfigSchema = Type.Object(
  {
    serviceName: Type.String({ default: 'modelyard', minLength: 1, description: 'Name in logs and events.' }),
    servicePort: port('Port of the HTTP service; 0 picks a free one.', { default: 8080 }),
    serviceHost: Type.String({ default: '127.0.0.1', minLength: 1, description: 'Address to listen on.' }),
    repository: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Only serve the models in this folder or s3://bucket/prefix, with no database.',
      }),
    ),
    grpcPort: Type.Optional(port('Port of the gRPC service.')),
    mlWorkers: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 256, description: 'Inference threads; default: one less than the cores.' }),
    ),
    dataDir: Type.String({ default: '.modelyard', minLength: 1, description: 'Embedded database, artefacts, lock.' }),
    databaseUrl: url('PostgreSQL; unset: the embedded database in dataDir.', 'postgres|postgresql'),
    enableNats: flag('Send events over NATS JetStream instead of in-process.'),
    natsUrl: Type.String({ default: 'nats://127.0.0.1:4222', pattern: '^(nats|tls|wss?)://.+', description: 'NATS.' }),
    natsRequestTimeoutSeconds: upToADay(60, 'Longest time a request over NATS may take.'),
    natsRepliesMb: Type.Integer({
      default: 256,
      minimum: 1,
      description: 'Room in JetStream for replies larger than a message, 1 MB = 1,000,000 bytes; one may take half.',
    }),
    natsRepliesSeconds: Type.Integer({
      default: 300,
      minimum: 1,
      description: 'How long such a reply lies there unless its reader has it sooner.',
    }),
    redisUrl: url('Redis for the shared cache; unset: in-process.', 'redis|rediss'),
    modelStorage: word(['local', 's3'], 'local', 'Where artefacts and datasets are kept.'),
    modelPath: text('Folder for them; default: `artifacts` in dataDir.'),
    s3Bucket: text('Bucket for them.'),
    s3Region: Type.String({ default: 'us-east-1', minLength: 1, description: 'Region of the bucket.' }),
    s3Endpoint: url('Address of an S3-compatible server; unset: AWS.', 'https?'),
    supabaseUrl: url('Supabase (or PostgREST, with a path), as a source of features.', 'https?'),
    supabaseServiceKey: text('Key for Supabase.'),
    supabaseMapping: text('File (JSON) that says which of its tables hold features of which tenant.'),
    enableOtel: flag('Export traces by OpenTelemetry.'),
    otelExporterOtlpEndpoint: Type.String({
      default: 'http://localhost:4318',
      pattern: '^https?://.+',
      description: 'Collector of traces (OTLP over HTTP, JSON); `/v1/traces` is put behind it.',
    }),
    otelExporterOtlpHeaders: text('Headers for the collector: `name=value`, by commas, values percent-encoded.'),
    otelExporterOtlpTimeout: Type.Integer({
      default: 10_000,
      minimum: 1,
      maximum: DAY_SECONDS * 1000,
      description: 'Time to hand a batch of spans to the collector, repetitions included, in milliseconds.',
    }),
    otelServiceName: text('Name of the service in traces; default: `SERVICE_NAME`.'),
    otelResourceAttributes: text('What else traces say of this process: `name=value`, by commas, percent-encoded.'),
    otelTracesSampler: word(
      SAMPLERS,
      'parentbased_traceidratio',
      'Which traces are kept; `parentbased_…`: whatever the asker decided, else as said.',
    ),
    otelTracesSamplerArg: Type.Number({
      default: 0.01,
      minimum: 0,
      maximum: 1,
      description: 'Share of the traces that the samplers with `traceidratio` keep.',
    }),
    enableGpu: flag('Run models on CUDA where there is a GPU.'),
    modelMemoryMb: Type.Optional(
      Type.Integer({
        minimum: 16,
        description:
          'Memory of loaded models, in MB; the least recently used are let go. Default: half of what the process may use.',
      }),
    ),
    recycleAboveMb: Type.Optional(
      Type.Integer({
        minimum: 64,
        description:
          'Memory of the process, in MB, above which inference threads are replaced by new ones. Default: 80 % of what it may use.',
      }),
    ),
    batchSize: Type.Integer({
      default: 32,
      minimum: 1,
      maximum: 10_000,
      description: 'Rows of waiting requests run together at most; 1: never.',
    }),
    maxWaitMs: Type.Integer({
      default: 500,
      minimum: 1,
      description:
        'A prediction that would wait longer than this for a thread, by estimate, is refused with 503 at once, in milliseconds; of a slow model, one behind eight batches. Where requests wait that long to be read, a part is refused unread, so that the rest is answered.',
    }),
    cacheTtl: Type.Integer({ default: 3600, minimum: 0, description: 'Life of a cached answer, in seconds; 0: none.' }),
    prometheusPort: Type.Optional(port('Also serve /metrics on this port.')),
    logLevel: word(LOG_LEVELS, 'info', 'Least severe log line.'),
    defaultModel: text('Model (id or name) of POST /predict; default: the only live one.'),
    balancedClassWeight: flag('Weigh classes by their rarity in logistic regression.'),
    authMode: word(['none'], 'none', 'Authentication; none: the X-Tenant-ID header is trusted.'),
    runWorker: Type.Boolean({ default: true, description: 'Also work on training jobs in this process.' }),
    trainingConcurrency: Type.Integer({ default: 1, minimum: 1, maximum: 64, description: 'Trainings at a time.' }),
    trainingTimeoutSeconds: upToADay(14_400, 'Longest training.'),
    trainingMemoryMb: Type.Optional(
      Type.Integer({
        minimum: 128,
        description:
          'Memory of one training, in MB; default: three quarters of what the process may use, divided among the trainings at a time.',
      }),
    ),
    batchConcurrency: Type.Integer({ default: 1, minimum: 0, maximum: 64, description: 'Batch chunks at a time.' }),
    batchChunkRows: Type.Integer({ default: 50_000, minimum: 1, description: 'Most rows of a batch chunk.' }),
    batchLeaseSeconds: upToADay(30, 'A batch worker that has not been heard of for this long has lost its chunk.'),
    batchRetentionDays: days(7, 'How long ended batch jobs are kept.'),
    predictionRetentionDays: days(90, 'How long predictions are kept in the database, with their outcomes.'),
    webhookAllowPrivate: flag('Let webhooks reach private addresses, such as this machine and its network.'),
    maxUploadMb: Type.Integer({ default: 4096, minimum: 1, description: 'Largest dataset file, in MB.' }),
  },
  { additionalProperties: false },
)
export type Config = Readonly<Static<typeof ConfigSchema>> & {
  readonly mlWorkers: number
  readonly modelPath: string
  readonly modelMemoryMb: number
  readonly recycleAboveMb: number
  readonly trainingMemoryMb: number
}
export type ConfigKey = keyof Static<typeof ConfigSchema>
export type ConfigOverrides = Partial<Static<typeof ConfigSchema>>

/** Older names for the same settings, from the systems this one unites. */
export const ALIASES: Readonly<Record<string, ConfigKey>> = {
  ML_SERVICE_PORT: 'servicePort',
  ARTIFACTS_DIR: 'modelPath',
}
const SECRETS: readonly ConfigKey[] = ['supabaseServiceKey', 'otelExporterOtlpHeaders']
const KEYS = Object.keys(ConfigSchema.properties) as ConfigKey[]
const check = compileCheck(ConfigSchema, { coerce: true })

export interface ConfigSources {
  /** JSON file with camelCase keys. */
  readonly file?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly overrides?: ConfigOverrides
}

/** @throws `invalid` CONFIG_INVALID with every problem at once; values of secrets are not repeated. */
export function loadConfig({ file, env = process.env, overrides = {} }: ConfigSources = {}): Config {
  const raw: Record<string, unknown> = { ...(file ? readConfigFile(file) : {}), ...fromEnvironment(env) }
  for (const [key, value] of Object.entries(overrides)) if (value !== undefined) raw[key] = value
  const problems = [...check(raw), ...contradictions(raw)].map(withoutSecret)
  if (problems.length > 0) {
    const list = problems.map((p) => `  ${envName(p.field)}: ${p.message}${shown(p.value)}`).join('\n')
    throw fail('invalid', 'CONFIG_INVALID', `The configuration has ${problems.length} problem(s):\n${list}`, {
      details: { errors: problems },
    })
  }
  const checked = raw as Static<typeof ConfigSchema>
  const usableMb = usableMemory() / 1e6
  return Object.freeze({
    ...checked,
    dataDir: resolve(checked.dataDir),
    mlWorkers: checked.mlWorkers ?? Math.max(1, availableParallelism() - 1),
    modelPath: resolve(checked.modelPath ?? join(checked.dataDir, 'artifacts')),
    modelMemoryMb: checked.modelMemoryMb ?? Math.max(256, Math.floor(usableMb * 0.5)),
    recycleAboveMb: checked.recycleAboveMb ?? Math.floor(usableMb * 0.8),
    trainingMemoryMb:
      checked.trainingMemoryMb ?? Math.max(512, Math.floor((usableMb * 0.75) / checked.trainingConcurrency)),
  })
}

/** Of the container, where it has a limit, else of the machine. */
function usableMemory(): number {
  return Math.min(process.constrainedMemory() || totalmem(), totalmem())
}

/** DATABASE_URL for databaseUrl. */
export function envName(key: string): string {
  return key.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()
}

/** The configuration as it may be shown: secrets and credentials within addresses are masked. */
export function shownConfig(config: Config): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  for (const key of KEYS) {
    const value = config[key]
    if (value === undefined) continue
    const address = typeof value === 'string' && value.includes('://')
    shown[envName(key)] = SECRETS.includes(key) ? '***' : address ? withoutCredentials(value) : value
  }
  return shown
}

/**
 * `postgres://user:secret@host/db` → `postgres://host/db`. Everything before the last `@` of an address goes, because people
 * put passwords with `@` and `/` in them unescaped; so do passwords in the query (`?password=…`).
 */
export function withoutCredentials(address: string): string {
  return address
    .split(',')
    .map((one) => one.replace(/^([a-z0-9+.-]+:\/\/)?[^?]*@/i, '$1'))
    .join(',')
    .replace(/([?&][^=&]*(?:password|passwd|secret|token|key)[^=&]*=)[^&]*/gi, '$1***')
}

function fromEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const raw: Record<string, unknown> = {}
  const take = (name: string, key: ConfigKey) => {
    const value = env[name]
    if (value === undefined || value === '') return
    raw[key] = isBoolean(key) ? booleanWord(value) : value
  }
  for (const [name, key] of Object.entries(ALIASES)) take(name, key)
  for (const key of KEYS) take(envName(key), key)
  return raw
}

function isBoolean(key: ConfigKey): boolean {
  return (ConfigSchema.properties[key] as { type?: string }).type === 'boolean'
}

function booleanWord(value: string): unknown {
  const lower = value.toLowerCase()
  if (['true', '1', 'yes', 'on'].includes(lower)) return true
  if (['false', '0', 'no', 'off'].includes(lower)) return false
  return value
}

function readConfigFile(file: string): Record<string, unknown> {
  let document: unknown
  try {
    document = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw fail('invalid', 'CONFIG_INVALID', `Cannot read the configuration file ${file}: ${String(cause)}`, { cause })
  }
  if (document !== null && typeof document === 'object' && !Array.isArray(document)) {
    return document as Record<string, unknown>
  }
  throw fail('invalid', 'CONFIG_INVALID', `The configuration file ${file} must hold a JSON object`)
}

function contradictions(raw: Record<string, unknown>): FieldError[] {
  const found: FieldError[] = []
  if (raw.modelStorage === 's3' && !raw.s3Bucket) {
    found.push({ field: 's3Bucket', message: 'is required when MODEL_STORAGE is s3' })
  }
  if (raw.supabaseUrl && !raw.supabaseServiceKey) {
    found.push({ field: 'supabaseServiceKey', message: 'is required with SUPABASE_URL' })
  }
  if (raw.supabaseMapping && !raw.supabaseUrl) {
    found.push({ field: 'supabaseUrl', message: 'is required with SUPABASE_MAPPING' })
  }
  for (const field of ['otelExporterOtlpHeaders', 'otelResourceAttributes'] as const) {
    const pairs = raw[field]
    if (typeof pairs === 'string' && pairsOf(pairs) === undefined) {
      found.push({ field, message: 'must be name=value pairs, by commas, percent-encoded' })
    }
  }
  return found
}

function withoutSecret(problem: FieldError): FieldError {
  if (!SECRETS.includes(problem.field as ConfigKey)) {
    return typeof problem.value === 'string' ? { ...problem, value: withoutCredentials(problem.value) } : problem
  }
  return { field: problem.field, message: problem.message }
}

function shown(value: unknown): string {
  return value === undefined || typeof value === 'object' ? '' : ` (got ${JSON.stringify(value)})`
}
