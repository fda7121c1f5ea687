// The registry: models, versions, what is live where.
export { compareModelVersions } from './compare.ts'
export { createModel, insertModel } from './create.ts'
export { deleteModel } from './delete.ts'
export { deploy } from './deploy.ts'
export { listDeployments } from './deployments.ts'
export { getEvaluation } from './evaluation.ts'
export { getExplanation } from './explanation.ts'
export { columnsOf } from './importing/background.ts'
export { examineFile } from './importing/examine.ts'
export { requireSelfContained } from './importing/file.ts'
export { importVersion } from './importing/import.ts'
export { type Layout, layoutOf, type TensorLayout } from './layout.ts'
export { getModel, listModels } from './list.ts'
export { liveVersion, makeLive } from './live.ts'
export { DESCRIPTOR as MLFLOW_DESCRIPTOR, describeMlflow, loadMlflow, type ReadFile } from './mlflow/index.ts'
export { syncPointers } from './pointer.ts'
export {
  artifactKey,
  compareVersions,
  explainerKey,
  explanationKey,
  featureSchemaVersion,
  metadataKey,
  nextVersion,
  takesTensors,
} from './policy.ts'
export { endRollout } from './roll-out.ts'
export { rollback } from './rollback.ts'
export { latestRollout } from './rollout-rows.ts'
export { type ServingSettings, servingSettings } from './serving-settings.ts'
export {
  getModelRow,
  getVersionRow,
  isTrained,
  lockModelRow,
  requireTrained,
  type TrainedVersion,
  versionDocument,
} from './store.ts'
export { DEFAULT_LIMITS } from './strategy.ts'
export { type Cells, emptyCells, sampleTensors, tensorOf, WHOLE_RANGE } from './tensors.ts'
export { trustVersion } from './trust.ts'
export { updateModel } from './update.ts'
export { storeVersionFile } from './version-files.ts'
export { getArtifact, getLineage, getMetadata, getVersion, listVersions } from './versions.ts'
