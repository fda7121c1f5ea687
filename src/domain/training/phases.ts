// The stages of a training as spans. They are told of by the child process, which knows nothing of traces.
import { NO_SPAN, type Span } from '../../core/trace.ts'

export interface Phases {
  /** Ends the stage before it; the same stage again goes on. */
  readonly enter: (stage: string) => void
  readonly end: () => void
}

export function followPhases(training: Span): Phases {
  let current = NO_SPAN
  let name = ''
  return {
    enter(stage) {
      if (stage === name) return
      current.end()
      name = stage
      current = training.child(`training.${stage}`)
    },
    end: () => current.end(),
  }
}
