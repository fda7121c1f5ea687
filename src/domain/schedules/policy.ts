// What a schedule may ask for. The request is checked when the schedule is made, with stand-ins for what only a run will know.
import { operations } from '../../contract/operations/index.ts'
import type { ScheduledOperation, ScheduleEvent } from '../../contract/schedules.ts'
import type { EventType } from '../../contract/service.ts'
import { compileCheck } from '../../core/check.ts'
import { type FieldError, invalid } from '../../core/failure.ts'
import { cronProblem } from '../../jobs/cron.ts'

type Fields = Readonly<Record<string, unknown>>

export interface Plan {
  readonly operation: ScheduledOperation
  readonly input: Fields
  readonly dataset_name?: string | null | undefined
  readonly cron?: string | null | undefined
  readonly time_zone?: string | undefined
  readonly event?: ScheduleEvent | null | undefined
}

const CHECKS = {
  'models.train': compileCheck(operations['models.train'].input),
  'batch_jobs.create': compileCheck(operations['batch_jobs.create'].input),
} as const satisfies Record<ScheduledOperation, unknown>

/** What a job tells of itself must not start a job of its own kind: every end would be a beginning. */
const OWN_EVENTS: Readonly<Record<ScheduledOperation, readonly EventType[]>> = {
  'models.train': [
    'ml.training.started',
    'ml.training.progress',
    'ml.training.completed',
    'ml.training.failed',
    'ml.training.cancelled',
    'ml.model.trained',
    'ml.model.rejected',
  ],
  'batch_jobs.create': ['ml.batch.completed', 'ml.batch.failed', 'ml.batch.cancelled'],
}

/** @throws `invalid` with every broken rule. */
export function checkPlan(plan: Plan): void {
  const { operation, cron, time_zone = 'UTC', event } = plan
  const errors: FieldError[] = [...requestErrors(operation, withStandIns(plan), 'input')]
  if ('job_id' in plan.input) errors.push({ field: 'input.job_id', message: 'must be left out: every run has its own' })
  const problem = cronProblem(cron ?? '0 0 * * *', time_zone)
  if (problem) errors.push({ ...problem, value: problem.field === 'cron' ? cron : time_zone })
  if (event && (OWN_EVENTS[operation] as readonly string[]).includes(event.type)) {
    errors.push({ field: 'event.type', message: 'is an event of what this schedule starts', value: event.type })
  }
  if (plan.dataset_name && 'dataset_id' in plan.input) {
    errors.push({ field: 'dataset_name', message: 'must not stand beside input.dataset_id', value: plan.dataset_name })
  }
  if (errors.length > 0) throw invalid('schedule', errors)
}

/** @throws `invalid`: the fields of `at` break the operation's shape. */
export function checkRequest(operation: ScheduledOperation, input: Fields, at: string): void {
  const errors = requestErrors(operation, input, at)
  if (errors.length > 0) throw invalid('request', errors)
}

function requestErrors(operation: ScheduledOperation, input: Fields, at: string): readonly FieldError[] {
  // The check fills in defaults, which are the operation's business and not to be stored.
  return CHECKS[operation](structuredClone(input)).map((error) => ({
    ...error,
    field: error.field === '' ? at : `${at}.${error.field}`,
  }))
}

const STAND_INS: Fields = { dataset_id: 'dataset', model_id: 'model', model_name: 'model' }

function withStandIns({ input, dataset_name, event }: Plan): Fields {
  const known = [...(dataset_name ? ['dataset_id'] : []), ...(event?.take ?? [])]
  const stands = known.filter((field) => Object.hasOwn(STAND_INS, field)).map((field) => [field, STAND_INS[field]])
  return { ...Object.fromEntries(stands), ...input }
}
