// The explaining thread, started at the first explanation: walking a large forest takes long, and the thread that answers
// requests must not wait for it. A thread that dies or does not answer is replaced; what it knew is read again.
import { Worker } from 'node:worker_threads'
import { fail, type MlError } from '../../../core/failure.ts'
import { fromMessage } from '../../../runtime/engine-failure.ts'
import type {
  Answered,
  Asked,
  BeginOrder,
  BeginReply,
  CloseOrder,
  ExplainOrder,
  ExplainReply,
  OpenOrder,
  OpenReply,
  Reply,
} from './protocol.ts'

/** From asking to the answer, waiting included. */
const LIMIT_MS = 20_000
/** More than this waiting means that answers come too late to be of use. */
const MOST_WAITING = 64

interface Waiting {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: unknown) => void
  readonly timer: NodeJS.Timeout
}

const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

export class ExplainThread {
  #worker: Worker | undefined
  #next = 0
  readonly #waiting = new Map<number, Waiting>()
  /** @throws `unavailable` EXPLAINER_GONE, EXPLANATION_TIMEOUT, OVERLOADED; or what the work threw. */
  ask(order: OpenOrder): Promise<OpenReply>
  ask(order: BeginOrder): Promise<BeginReply>
  ask(order: ExplainOrder): Promise<ExplainReply>
  ask(order: CloseOrder): Promise<null>
  ask(order: Asked['order']): Promise<Reply> {
    if (this.#waiting.size >= MOST_WAITING) {
      return Promise.reject(
        fail('unavailable', 'OVERLOADED', 'Too many explanations are asked for at once', { retryAfterSeconds: 1 }),
      )
    }
    const worker = this.#start()
    const id = this.#next++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const failure = fail('unavailable', 'EXPLANATION_TIMEOUT', `Explaining took longer than ${LIMIT_MS / 1000} s`)
        this.#end(failure)
      }, LIMIT_MS)
      timer.unref()
      this.#waiting.set(id, { resolve, reject, timer })
      worker.ref()
      worker.postMessage({ id, order } satisfies Asked)
    })
  }

  stop(): void {
    this.#end(fail('unavailable', 'EXPLAINER_GONE', 'The service is being stopped'))
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(ENTRY, { name: 'explain' })
    this.#worker = worker
    worker.on('message', (answer: Answered) => this.#settle(answer))
    worker.on('error', (cause) => {
      if (this.#worker === worker)
        this.#end(fail('unavailable', 'EXPLAINER_GONE', 'Explaining was interrupted', { cause }))
    })
    worker.on('exit', () => {
      if (this.#worker === worker) this.#end(fail('unavailable', 'EXPLAINER_GONE', 'Explaining was interrupted'))
    })
    return worker
  }

  #settle(answer: Answered): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (this.#waiting.size === 0) this.#worker?.unref()
    if (!waiting) return
    clearTimeout(waiting.timer)
    if ('reply' in answer) waiting.resolve(answer.reply)
    else waiting.reject(fromMessage(answer.failure))
  }

  #end(failure: MlError): void {
    const worker = this.#worker
    this.#worker = undefined
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(failure)
    }
    this.#waiting.clear()
    worker?.terminate().catch(() => undefined)
  }
}
