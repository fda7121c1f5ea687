// Datasets: uploaded tables, what they hold and what they must hold.
export { createDataset } from './create.ts'
export { deleteDataset } from './delete.ts'
export { getDataset, getRows, listDatasets, validateDataset } from './read.ts'
export { getDatasetRow, storedTable } from './store.ts'
export { sweepUploads } from './sweep.ts'
