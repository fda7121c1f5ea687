// Registering a model file that was trained elsewhere. It is read as a protobuf first, then tried out in a child process,
// and only then stored and registered. It takes no traffic until somebody deploys it.
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ModelVersion, Signature, VersionMetadata } from '../../../contract/models.ts'
import type { Upload } from '../../../contract/operation.ts'
import type { Input } from '../../../contract/operations/index.ts'
import { fail, invalid } from '../../../core/failure.ts'
import type { StoredExplanation } from '../../../ml/explain/stored.ts'
import { json, type Row } from '../../../ports/db/index.ts'
import type { ObjectBody } from '../../../ports/objects/index.ts'
import { type Ctx, inLastTransaction, inTransaction, type TxCtx } from '../../ctx.ts'
import { emit } from '../../events.ts'
import { declaredSignature } from '../mlflow/index.ts'
import { artifactKey, explanationKey, featureSchemaVersion, metadataKey, nextVersion, takesTensors } from '../policy.ts'
import { getModelRow, lockModelRow, versionDocument } from '../store.ts'
import { storeVersionFile } from '../version-files.ts'
import { backgroundOf } from './background.ts'
import { deriveSignature } from './derive.ts'
import { spool } from './file.ts'
import type { Source } from './source.ts'
import { readSource, tryOut } from './try-out.ts'

type ImportInput = Input<'versions.import'>

export async function importVersion(ctx: Ctx, input: ImportInput, upload?: Upload): Promise<ModelVersion> {
  if (!upload) throw invalid('request', [{ field: 'file', message: 'is required: the ONNX file' }])
  const folder = await mkdtemp(join(ctx.settings.tempDir, 'import-'))
  try {
    const path = join(folder, 'model.onnx')
    const spooled = await spool(upload, path)
    const model = await inTransaction(ctx, (ctx) => getModelRow(ctx, input.model_id))
    if (input.dataset_id !== undefined && takesTensors(model.type)) {
      const message = `is for explanations of rows; a ${model.type} model takes tensors`
      throw invalid('request', [{ field: 'dataset_id', message, value: input.dataset_id }])
    }
    const source = await readSource(ctx, folder, { path, spooled })
    const { file, mlflow } = source
    const trial = await tryOut(ctx, folder, { path, tensors: takesTensors(model.type) })
    const { labels = model.type === 'regression' ? undefined : file.labels, dataset_id } = input
    const named = input.labels ? 'by hand' : 'by the file'
    const derived = deriveSignature(trial, { type: model.type, labels, named })
    const signature = takesTensors(model.type) ? derived : declaredSignature(derived, trial.info, mlflow?.inputs)
    const explanation = dataset_id === undefined ? undefined : await backgroundOf(ctx, dataset_id, signature.inputs)
    return await register(ctx, { input, source, signature, filename: upload.filename, explanation })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Registration {
  readonly input: ImportInput
  readonly source: Source
  readonly signature: Signature
  readonly filename: string
  readonly explanation: StoredExplanation | undefined
}

/** Under the lock of the model, so that no training or other import takes the number while the files are written. */
async function register(ctx: Ctx, registration: Registration): Promise<ModelVersion> {
  return inLastTransaction(ctx, 'versions.import', async (ctx) => {
    const { input, signature } = registration
    const { path, file, mlflow } = registration.source
    const model = await lockModelRow(ctx, input.model_id)
    const taken = await ctx.db.selectFrom('model_versions').select('version').where('model_id', '=', model.id).execute()
    const version = input.version ?? nextVersion(taken.map((row) => row.version))
    if (taken.some((row) => row.version === version)) {
      throw fail('conflict', 'VERSION_EXISTS', `"${model.name}" already has a version ${version}`)
    }
    const metadata = metadataOf(ctx, registration, { model, version })
    const place = [model.tenant_id, model.id, version] as const
    const stillMine = () => lockModelRow(ctx, model.id)
    const store = (key: string, body: () => ObjectBody) => storeVersionFile(ctx.objects, { key, body, stillMine })
    await store(artifactKey(...place), () => createReadStream(path))
    await store(metadataKey(...place), () => Buffer.from(JSON.stringify(metadata, null, 2)))
    const { explanation } = registration
    if (explanation) await store(explanationKey(...place), () => Buffer.from(JSON.stringify(explanation)))
    const row = await ctx.db
      .insertInto('model_versions')
      .values({
        model_id: model.id,
        version,
        tenant_id: model.tenant_id,
        status: 'trained',
        algorithm: null,
        hyperparameters: json({}),
        metrics: json(input.metrics ?? {}),
        artifact_key: artifactKey(...place),
        artifact_sha256: file.sha256,
        artifact_bytes: file.bytes,
        trusted: input.trusted ?? false,
        signature: json(signature),
        lineage: json({
          dataset_id: null,
          dataset_sha256: null,
          parent_version: null,
          training_job_id: null,
          code_version: ctx.settings.codeVersion,
          seed: null,
          environment: {
            imported_from: registration.filename,
            ...(file.changes.length > 0 && { changes: file.changes }),
            ...(mlflow && { mlflow: mlflow.origin }),
          },
        }),
        metadata: json(metadata),
        trained_at: metadata.trained_at,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    await emit(ctx, {
      type: 'ml.model.trained',
      subject: model.id,
      data: { model_id: model.id, version, metrics: input.metrics ?? {}, imported: true },
    })
    return versionDocument(row)
  })
}

interface Place {
  readonly model: Row<'models'>
  readonly version: string
}

function metadataOf(
  ctx: TxCtx,
  { input, signature, filename }: Registration,
  { model, version }: Place,
): VersionMetadata {
  const [metric] = Object.entries(input.metrics ?? {})
  return {
    model_version_id: `${model.id}:${version}`,
    model_name: model.name,
    model_type: model.type,
    metric: { name: metric?.[0] ?? 'unknown', value: metric?.[1] ?? null },
    training_data_file: filename,
    trained_at: ctx.clock.now().toISOString(),
    feature_schema_version: featureSchemaVersion(signature),
    schema_version: 1,
    signature,
  }
}
