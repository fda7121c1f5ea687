// Operations on schedules, and the door for events from outside.
import { Type } from 'typebox'
import { command, query } from '../operation.ts'
import {
  EventCallback,
  EventReceived,
  RUN_STATUSES,
  SCHEDULED_OPERATIONS,
  Schedule,
  ScheduleRun,
  scheduleFields,
} from '../schedules.ts'
import { OneOf, Page, pageFields, Shape } from '../schema.ts'

const tag = 'Schedules'
const base = '/api/v1/ml/schedules'
const schedule_id = Type.String({ description: 'Schedule id.' })
const { name, input, dataset_name, cron, time_zone, event, active } = scheduleFields
const optional = {
  dataset_name: Type.Optional(dataset_name),
  cron: Type.Optional(cron),
  time_zone: Type.Optional(time_zone),
  event: Type.Optional(event),
  active: Type.Optional(active),
}

export const scheduleOperations = {
  'schedules.create': command({
    method: 'POST',
    path: base,
    tag,
    summary: 'Have a training or a batch job started by the clock, or when something happens.',
    reply: 'envelope',
    status: 201,
    message: 'Schedule created',
    idempotent: true,
    input: Shape({ name, operation: OneOf(SCHEDULED_OPERATIONS, 'What is started.'), input, ...optional }),
    output: Schedule,
  }),
  'schedules.list': query({
    method: 'GET',
    path: base,
    tag,
    summary: 'List schedules, newest first.',
    reply: 'envelope',
    input: Shape(pageFields),
    output: Page(Schedule),
  }),
  'schedules.get': query({
    method: 'GET',
    path: `${base}/{schedule_id}`,
    tag,
    summary: 'One schedule.',
    reply: 'envelope',
    input: Shape({ schedule_id }),
    output: Schedule,
  }),
  'schedules.update': command({
    method: 'PATCH',
    path: `${base}/{schedule_id}`,
    tag,
    summary: 'Change, pause or resume a schedule.',
    reply: 'envelope',
    message: 'Schedule updated',
    input: Shape({ schedule_id, name: Type.Optional(name), input: Type.Optional(input), ...optional }),
    output: Schedule,
  }),
  'schedules.delete': command({
    method: 'DELETE',
    path: `${base}/{schedule_id}`,
    tag,
    summary: 'Delete a schedule; jobs that it started go on.',
    body: 'query',
    reply: 'envelope',
    message: 'Schedule deleted',
    input: Shape({ schedule_id }),
    output: Shape({ id: schedule_id }),
  }),
  'schedules.run': command({
    method: 'POST',
    path: `${base}/{schedule_id}/run`,
    tag,
    summary: 'Start it now, whatever its clock says.',
    reply: 'envelope',
    status: 202,
    message: 'Run accepted',
    idempotent: true,
    input: Shape({ schedule_id }),
    output: ScheduleRun,
  }),
  'schedules.runs': query({
    method: 'GET',
    path: `${base}/{schedule_id}/runs`,
    tag,
    summary: 'What a schedule has started, newest first.',
    reply: 'envelope',
    input: Shape({
      schedule_id,
      ...pageFields,
      status: Type.Optional(OneOf(RUN_STATUSES, 'Only runs in this state.')),
    }),
    output: Page(ScheduleRun),
  }),
  'events.receive': command({
    method: 'POST',
    path: '/api/v1/ml/events',
    tag,
    summary:
      'Tell the service of something that happened: it starts the schedules that wait for it, or the job it asks for.',
    reply: 'envelope',
    status: 202,
    message: 'Event received',
    idempotent: true,
    input: EventCallback,
    output: EventReceived,
  }),
}
