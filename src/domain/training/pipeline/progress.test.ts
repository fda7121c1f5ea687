import { expect, test } from 'vitest'
import { createReporter } from './progress.ts'
import type { TrainingProgress } from './spec.ts'

function aReporter(signal = new AbortController().signal) {
  const sent: TrainingProgress[] = []
  let nowMs = 0
  const reporter = createReporter({
    stages: ['load', 'fit', 'write'],
    clock: { now: () => new Date(0), elapsedMs: () => nowMs },
    send: (progress) => sent.push(progress),
    signal,
  })
  return { reporter, sent, advance: (ms: number) => (nowMs += ms) }
}

test('every stage is announced and the progress never falls', async () => {
  const { reporter, sent, advance } = aReporter()
  await reporter.stage('load', 'Reading', () => {})
  await reporter.stage('fit', 'Learning', (step) => {
    for (const fraction of [0.5, 0.2, 2, -1]) {
      advance(200)
      step(fraction)
    }
  })
  await reporter.stage('write', 'Writing', () => {})
  expect([...new Set(sent.map((p) => p.stage))]).toEqual(['load', 'fit', 'write'])
  const shares = sent.map((p) => p.progress)
  expect(shares).toEqual(shares.toSorted((a, b) => a - b))
  expect(shares.every((share) => share >= 0 && share <= 1)).toBe(true)
})

test('a stage that reports often is heard at most ten times a second', async () => {
  const { reporter, sent, advance } = aReporter()
  await reporter.stage('fit', 'Learning', (step) => {
    for (let i = 0; i < 1000; i++) {
      advance(1)
      step(i / 1000, `iteration ${i}`)
    }
  })
  expect(sent.length).toBeLessThanOrEqual(11)
  expect(sent.at(-1)?.message).toMatch(/^iteration 9/)
})

test('a request to stop takes effect at the next step and before the next stage', async () => {
  const controller = new AbortController()
  const { reporter } = aReporter(controller.signal)
  const stopped = { code: 'TRAINING_CANCELLED' }
  const fit = reporter.stage('fit', 'Learning', (step) => {
    controller.abort()
    step(0.5)
  })
  await expect(fit).rejects.toMatchObject(stopped)
  await expect(reporter.stage('write', 'Writing', () => {})).rejects.toMatchObject(stopped)
})

test('the time of each stage is kept', async () => {
  const { reporter, advance } = aReporter()
  await reporter.stage('load', 'Reading', () => {
    advance(42)
  })
  expect(reporter.durations).toEqual({ load: 42 })
})
