// Schedules: trainings and batch jobs that start by themselves, by the clock or when something happens; and events from outside.
import { type Static, Type } from 'typebox'
import { AnyObject, Nullable, OneOf, Shape, Timestamp } from './schema.ts'

export const SCHEDULED_OPERATIONS = ['models.train', 'batch_jobs.create'] as const
export type ScheduledOperation = (typeof SCHEDULED_OPERATIONS)[number]

export const RUN_STATUSES = ['waiting', 'started', 'skipped', 'failed'] as const
export type RunStatus = (typeof RUN_STATUSES)[number]

/** Events from outside that start a job at once, without a schedule; their payload is the request. */
export const REQUEST_EVENTS = {
  'ml.training.requested': 'models.train',
  'ml.batch.requested': 'batch_jobs.create',
} as const satisfies Record<string, ScheduledOperation>

const EventName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,199}$',
  description: 'Type of event: one of ours, or any that your systems send to `events.receive`.',
})

export const ScheduleEvent = Shape(
  {
    type: EventName,
    match: Type.Optional(AnyObject('What its data must hold, such as `{"model_id": "model_…"}`; default: anything.')),
    take: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
        maxItems: 20,
        uniqueItems: true,
        description: 'Members of its data that become fields of the request, such as `dataset_id`.',
      }),
    ),
  },
  'Which event starts it, and what is taken from it.',
)
export type ScheduleEvent = Static<typeof ScheduleEvent>

/** What can be given when it is made, and changed later. */
export const scheduleFields = {
  name: Type.String({ minLength: 1, maxLength: 200, description: 'What it is for.' }),
  input: AnyObject('The request, as `models.train` or `batch_jobs.create` takes it (no `job_id`, no file).'),
  dataset_name: Nullable(
    Type.String({ minLength: 1, maxLength: 200 }),
    'Take the newest dataset of this name, in place of `dataset_id`.',
  ),
  cron: Nullable(
    Type.String({ minLength: 1, maxLength: 200 }),
    'When: minute, hour, day of month, month, day of week (or seconds first); null: only by event or by hand.',
  ),
  time_zone: Type.String({
    minLength: 1,
    maxLength: 64,
    description: 'Zone of `cron`, such as `Europe/Berlin`; default UTC.',
  }),
  event: Nullable(ScheduleEvent, 'Which event starts it; null: none.'),
  active: Type.Boolean({ description: 'False: paused. What it misses is not made up for.' }),
}

export const Schedule = Shape(
  {
    id: Type.String({ description: 'Schedule id, `sched_…`.' }),
    operation: OneOf(SCHEDULED_OPERATIONS, 'What is started.'),
    ...scheduleFields,
    next_run_at: Nullable(Timestamp, 'When the clock starts it next.'),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  'A job that starts by itself.',
)
export type Schedule = Static<typeof Schedule>

export const ScheduleRun = Shape(
  {
    id: Type.String({ description: 'Run id, `run_…`; also the request id of what it started.' }),
    schedule_id: Type.String({ description: 'Schedule it belongs to.' }),
    due_at: Timestamp,
    event_id: Nullable(Type.String(), 'Event that started it; null: the clock, or a person.'),
    status: OneOf(RUN_STATUSES, '`skipped`: the job before it was still running; `failed`: it could not be started.'),
    job_id: Nullable(Type.String(), 'Job that it started.'),
    error: Nullable(Type.String(), 'Why it was not started.'),
    created_at: Timestamp,
    started_at: Nullable(Timestamp, 'When its job was accepted.'),
  },
  'One start of a schedule.',
)
export type ScheduleRun = Static<typeof ScheduleRun>

export const EventCallback = Shape(
  {
    event_type: EventName,
    payload: AnyObject('Data of the event; the request itself for `ml.training.requested` and `ml.batch.requested`.'),
    timestamp: Type.Optional(Nullable(Timestamp, 'When it happened.')),
  },
  'Something that happened elsewhere.',
)

export const EventReceived = Shape(
  {
    event_id: Type.String({ description: 'Id that it was given.' }),
    runs: Type.Array(
      Shape({
        schedule_id: Type.String({ description: 'Schedule it starts.' }),
        run_id: Type.String({ description: 'Its run.' }),
      }),
      { description: 'Runs of schedules that wait for such events.' },
    ),
    job: Nullable(
      Shape({
        operation: OneOf(SCHEDULED_OPERATIONS, 'What was started.'),
        job_id: Type.String({ description: 'Job that was accepted.' }),
      }),
      'For an event that asks for a job itself.',
    ),
  },
  'What an event set off.',
)
