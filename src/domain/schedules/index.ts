// Schedules: trainings and batch jobs started by the clock, by events from here or elsewhere, or by hand.
export { receiveEvent } from './receive.ts'
export { listRuns, runSchedule, sweepRuns } from './runs.ts'
export { createSchedule, deleteSchedule, getSchedule, listSchedules, updateSchedule } from './schedules.ts'
export { startScheduler } from './start.ts'
