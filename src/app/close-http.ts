// Closing the HTTP face: requests that are here are answered, but nobody can hold up the stop. A kept-alive connection
// falls idle again after its last answer and would be waited for until its own time is over, so those are closed at once.
import type { createHttpApp } from '../http/app.ts'

/** For requests under way; supervisors commonly kill a process ten seconds or more after telling it to stop. */
const REQUESTS_LIMIT_MS = 7_000
const LOOK_EVERY_MS = 50

export async function closeHttp(http: ReturnType<typeof createHttpApp>, limitMs = REQUESTS_LIMIT_MS): Promise<void> {
  const idle = setInterval(() => http.server.closeIdleConnections(), LOOK_EVERY_MS)
  const late = setTimeout(() => http.server.closeAllConnections(), limitMs)
  try {
    await http.close()
  } finally {
    clearInterval(idle)
    clearTimeout(late)
  }
}
