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

  it('takes a job of such a function twice for one, and refuses another under its id', async () => {
    const modelManager = createModelManager(app.app, 'tenant_123')
    let rowsSeen = 0
    const processBatch = (_: string, rows: readonly unknown[]) => {
      rowsSeen += rows.length
      return rows.map((row) => (row as number[])[0])
    }
    const batch = createBatchPredictor({ modelManager, processBatch })
    const job = { modelId: 'mine', inputBatch: [[7], [8]], jobId: 'twice' }
    await Promise.all([batch.submitBatch(job), batch.submitBatch(job)])
    await until(async () => (await batch.getBatchStatus('twice')).status === 'succeeded', { what: 'the end' })
    expect(await batch.submitBatch(job)).toBe('twice')
    expect(rowsSeen).toBe(2)
    for (const other of [{ inputBatch: [[7], [9]] }, { modelId: 'another' }, { version: '2.0.0' }]) {
      await expect(batch.submitBatch({ ...job, ...other })).rejects.toMatchObject({ code: 'BATCH_JOB_EXISTS' })
    }
  })

  it('names the rows that such a function refuses, and forgets what ended long ago', async () => {
    const modelManager = createModelManager(app.app, 'tenant_123')
    const answer = ([x]: readonly number[]) => (x! < 0 ? { prediction: null, error: 'is negative' } : x)
    const processBatch = (_: string, rows: readonly unknown[]) => rows.map((row) => answer(row as number[]))
    const batch = createBatchPredictor({ modelManager, processBatch })
    const ids: string[] = []
    for (let i = 0; i < 1010; i++) ids.push(await batch.submitBatch({ modelId: 'mine', inputBatch: [[-1], [i]] }))
    const ended = async () => (await batch.getBatchStatus(ids.at(-1)!)).status === 'succeeded'
    await until(ended, { what: 'the end' })
    expect(await batch.getBatchStatus(ids.at(-1)!)).toMatchObject({
      failed_count: 1,
      row_errors: [{ row: 0, error: 'is negative' }],
    })
    await expect(batch.getBatchStatus(ids[0]!)).rejects.toMatchObject({ code: 'BATCH_JOB_NOT_FOUND' })
  })

  it('fails a job whose function breaks its promise', async () => {
    const batch = createBatchPredictor({
      modelManager: createModelManager(app.app, 'tenant_123'),
      processBatch: () => [],
    })
    const id = await batch.submitBatch({ modelId: 'mine', inputBatch: [[1]] })
    await until(async () => (await batch.getBatchStatus(id)).status === 'failed', { what: 'the end' })
    expect((await batch.getBatchStatus(id)).error).toContain('0 results for 1 rows')
    const refused = batch.getBatchResults(id)
    await expect(refused).rejects.toBeInstanceOf(BatchJobError)
    await expect(refused).rejects.toMatchObject({ code: 'BATCH_JOB_NOT_SUCCEEDED' })
  })
})
