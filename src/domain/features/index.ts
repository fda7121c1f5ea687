// Features: what is known of users, items and other entities, and since when.
export { declareEntityType, listEntityTypes } from './declare.ts'
export { eachEntity, eachInteraction } from './every.ts'
export { ingestFeatures } from './ingest.ts'
export { latestInteractions, listInteractions, recordInteractions } from './interactions.ts'
export { featuresAt, getFeatures, readFeatures } from './read.ts'
export { createTrainingTable } from './training-table.ts'
export { putFeatures } from './write.ts'
