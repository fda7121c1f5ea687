import { SendTime, SendTimeRequest } from '../notify.ts'
import { query } from '../operation.ts'

export const notifyOperations = {
  'notifications.optimize': query({
    method: 'POST',
    path: '/notifications/optimize',
    tag: 'Travel',
    summary: 'When and by which channel a user is best notified; of unknown users what holds for all.',
    permission: 'predict',
    body: 'fields',
    reply: 'bare',
    input: SendTimeRequest,
    output: SendTime,
  }),
}
