// The batch predictor of the library: over the service, and with a function of one's own.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BatchJobError, createBatchPredictor } from '../../src/index.ts'
import { createModelManager } from '../../src/library/model-manager.ts'
import { until } from '../e2e/processes.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'

describe('a batch predictor', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp()
    await anAddingModel(app.as('tenant_123'))
  })
  afterAll(() => app.stop())

  it('submits, tells the status and gives the results', async () => {
    const batch = createBatchPredictor({ modelManager: createModelManager(app.app, 'tenant_123') })
    const inputBatch = [[1], [2], { x: 5 }]
    const id = await batch.submitBatch({ modelId: 'adder', inputBatch, jobId: 'batch_job_123' })
    expect(id).toBe('batch_job_123')
    await until(async () => (await batch.getBatchStatus(id)).status === 'succeeded', { what: 'the end' })
    expect(await batch.getBatchStatus(id)).toMatchObject({ input_count: 3, processed_count: 3 })
    expect(await batch.getBatchResults(id)).toEqual([2, 3, 6].map((prediction, row) => ({ row, prediction })))
    expect(await batch.getBatchResults(id, { offset: 1, limit: 1 })).toEqual([{ row: 1, prediction: 3 }])
    await expect(batch.cancel(id)).rejects.toMatchObject({ name: 'BatchJobError', code: 'JOB_ENDED' })
    await expect(batch.getBatchStatus('none')).rejects.toBeInstanceOf(BatchJobError)
  })

  it('predicts with a function of one’s own', async () => {
    const processBatch = async (_: string, rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row).length)
    const modelManager = createModelManager(app.app, 'tenant_123')
    const batch = createBatchPredictor({ modelManager, processBatch })
    const id = await batch.submitBatch({ modelId: 'mine', inputBatch: [[1], [1, 2]] })
    await until(async () => (await batch.getBatchStatus(id)).status === 'succeeded', { what: 'the end' })
    expect(await batch.getBatchResults(id)).toEqual([3, 5].map((prediction, row) => ({ row, prediction })))
  })

  it('fails a job whose function breaks its promise', async () => {
    const batch = createBatchPredictor({
      modelManager: createModelManager(app.app, 'tenant_123'),
      processBatch: () => [],
    })
    const id = await batch.submitBatch({ modelId: 'mine', inputBatch: [[1]] })
    await until(async () => (await batch.getBatchStatus(id)).status === 'failed', { what: 'the end' })
    expect((await batch.getBatchStatus(id)).error).toContain('0 results for 1 rows')
    await expect(batch.getBatchResults(id)).rejects.toBeInstanceOf(BatchJobError)
  })
})
