// The reply to every failure outside `/v2`.
import { type Static, Type } from 'typebox'
import { AnyObject, Shape, Timestamp } from './schema.ts'

export const ErrorResponse = Shape(
  {
    success: Type.Literal(false, { description: 'Always false.' }),
    error: Type.String({ description: 'What went wrong and what to do about it, in words.' }),
    error_code: Type.String({ description: 'What went wrong, as a code; listed in the error reference.' }),
    timestamp: Timestamp,
    request_id: Type.String({ description: 'The `X-Request-ID` of this request.' }),
    details: Type.Optional(
      AnyObject('Where it went wrong; validation failures list every one under `errors: [{field, message, value}]`.'),
    ),
  },
  'A failed request.',
)
export type ErrorResponse = Static<typeof ErrorResponse>
