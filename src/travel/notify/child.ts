// The child process that fits the send-time model: thousands of users and a grid of settings would hold up the service.
import { readFile, writeFile } from 'node:fs/promises'
import { asFailure } from '../../core/failure.ts'
import type { Trained, TrainerChampion, TrainingProgress } from '../../domain/training/index.ts'
import { serveIsolated } from '../../jobs/isolated.ts'
import { copiedRecords } from '../records.ts'
import { fitRates } from './channels.ts'
import { requireEnough } from './enough.ts'
import { asEverybody, type FittedRhythm, fitRhythm, judgeable } from './fit.ts'
import { writeGraph } from './graph.ts'
import { asNobody, beforeLast, figuresOf, judgeFile, judgements } from './judge.ts'
import { PRIOR_CHANNELS } from './prior.ts'
import { recordedUsers } from './recorded.ts'
import { reportOf } from './report.ts'

export interface FitInput {
  /** Where the records were copied to. */
  readonly folder: string
  /** Where the model is to be written. */
  readonly file: string
  readonly seed: number
  readonly champion: TrainerChampion | undefined
}

serveIsolated<TrainingProgress>(async (input, { progress }): Promise<Trained> => {
  const { folder, file, seed, champion } = input as FitInput
  const users = await recordedUsers(copiedRecords(folder))
  const held = judgeable(users)
  requireEnough(held.length)
  progress({ progress: 0.1, stage: 'fit', message: `Learning when ${users.length} users are active` })
  const rates = fitRates(users, PRIOR_CHANNELS)
  const made = async (fitted: FittedRhythm) => {
    const bytes = writeGraph(fitted.rhythm, rates)
    return { fitted, bytes, own: await judgements(bytes, held, beforeLast) }
  }
  const personal = await made(fitRhythm(users))
  progress({ progress: 0.7, stage: 'evaluate', message: `Foretelling the last active hour of ${held.length} users` })
  const everybody = await judgements(personal.bytes, held, asNobody)
  // Settings that were better on earlier hours can be worse on the last one, and nobody is to be foretold worse for being known.
  const misled = figuresOf(personal.own).log_loss > figuresOf(everybody).log_loss
  const { fitted, bytes, own } = misled ? await made(asEverybody(personal.fitted)) : personal
  await writeFile(file, bytes)
  if (champion)
    progress({ progress: 0.9, stage: 'champion', message: `Measuring the live version ${champion.version}` })
  const beaten = champion && {
    version: champion.version,
    figures: await judgeFile(await readFile(champion.path), held).catch(refusalOnly),
  }
  return { path: file, ...reportOf({ users, held, fitted, own, everybody, champion: beaten, seed }) }
})

/** Somebody may have imported another kind of file under the name; it cannot be compared. */
function refusalOnly(error: unknown): null {
  if (asFailure(error).kind === 'invalid') return null
  throw error
}
