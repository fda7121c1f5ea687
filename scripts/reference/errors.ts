// docs/reference/errors.md: every code that the sources throw, with its status and what to do about it.

import { systemClock } from '../../src/core/clock.ts'
import { MlError } from '../../src/core/failure.ts'
import { failureReply } from '../../src/http/failures.ts'
import { ADVICE } from './error-advice.ts'
import { collectErrorCodes, type ErrorCode } from './error-codes.ts'
import { code, page, table } from './markdown.ts'

export async function errorsPage(root: string): Promise<string> {
  const known = new Map((await collectErrorCodes(root)).map((error) => [error.code, error]))
  const rows = (advice: Readonly<Record<string, string>>) =>
    Object.entries(advice).flatMap(([name, text]) => {
      const error = known.get(name)
      return error ? [[code(name), error.kinds.join(', '), statuses(error), text]] : []
    })
  const head = ['Code', 'Kind', 'Status', 'What it means, what to do']
  return page(
    '# Error codes',
    'A failure answers with `{"success": false, "error", "error_code", "timestamp", "request_id", "details"?}`; `error` is a ' +
      'sentence for people, `error_code` is for programs and does not change. 429 and 503 carry `Retry-After`. Failures under ' +
      '`/v2` answer `{"error"}` alone. The typed client and the library throw an `MlError` with `kind`, `code`, `message` and ' +
      '`details`; the command line exits with 2 for a mistake of its user and with 1 for a failure.',
    '## From the service',
    table(head, rows(ADVICE.service)),
    'A refusal that comes from the HTTP layer itself and has no code of its own carries its kind in capitals.',
    '## From the command line, the client and the library',
    'Some of them never travel over HTTP; the status is the one their kind would have. An answer that no service of this kind gave (a ' +
      'proxy, say) becomes `HTTP_` and its status.',
    table(head, rows(ADVICE.faces)),
    '## Faults of the service',
    'These are not the mistake of a caller. Kind `internal` answers with 500 and hides its message; the log has it, with the ' +
      'stack, under the `request_id`.',
    table(head, rows(ADVICE.internal)),
  )
}

function statuses({ code, kinds }: ErrorCode): string {
  const all = kinds.map((kind) => failureReply(new MlError(kind, code, ''), '', '/', systemClock).status)
  return [...new Set(all)].sort().join(', ')
}
