import { expect, it } from 'vitest'
import { checkPlan } from './policy.ts'

it('takes members of an event that are called like what every object inherits', () => {
  const input = { model_name: 'churn', model_type: 'classification' }
  const event = { type: 'order.placed', take: ['dataset_id', 'constructor', 'toString'] }
  expect(() => checkPlan({ operation: 'models.train', input, event })).not.toThrow()
})
