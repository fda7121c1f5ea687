// A bundle in the hands of a worker: its requests in the memory both share, which of them is being run, and the answers. Whoever waits behind
// a run that takes far longer than was expected is taken back, to be run by somebody else.
import { fail } from '../core/failure.ts'
import type { Batch, Bundle, Outcomes } from './job.ts'
import { type Area, packetOf, readTensors } from './packet.ts'
import { ANSWER_WORDS, isBegun, nextOf, OUTCOME, readAnswer, requestWords, takeBack, writeRequest } from './protocol.ts'

/** Above this a packet could not be addressed with 32 bits. */
const MAX_PACKET_BYTES = 1024 ** 3

interface Request {
  readonly batch: Batch
  readonly at: number
  readonly tensorsAt: number
  readonly packet: ReturnType<typeof packetOf>
}

export class Handover {
  /** What is still in the worker's hands. */
  bundle: Bundle
  readonly bytes: number
  readonly #requests: readonly Request[]
  #area: Area | undefined

  /** @throws MlError `too_large` for feeds beyond 1 GiB. */
  constructor(bundle: Bundle) {
    this.bundle = bundle
    let bytes = 0
    this.#requests = bundle.batches.map((batch) => {
      const [{ fetches }] = batch.jobs
      const at = bytes / 4
      const tensorsAt = at + requestWords(fetches)
      const packet = packetOf(batch.jobs.map(({ feeds }) => feeds))
      bytes = packet.bytes(tensorsAt)
      return { batch, at, tensorsAt, packet }
    })
    this.bytes = bytes
    if (bytes > MAX_PACKET_BYTES) throw fail('too_large', 'INPUT_TOO_LARGE', 'One run takes at most 1 GiB of input')
  }

  /** Into an area of at least as many bytes. */
  write(area: Area): void {
    this.#area = area
    for (let i = 0; i < this.#requests.length; i++) {
      const { batch, at, tensorsAt, packet } = this.#requests[i]!
      const next = this.#requests[i + 1]?.at ?? 0
      writeRequest(area, at, { next, model: batch.model.no, fetches: batch.jobs[0].fetches })
      packet.write(area, tensorsAt)
    }
  }

  /** The one that is being run, or the last one that was. */
  get running(): Batch {
    const area = this.#area
    if (this.bundle.batches.length === 1 || area === undefined) return this.bundle.batches[0]
    return this.#requests.findLast(({ at }) => isBegun(area, at))?.batch ?? this.bundle.batches[0]
  }

  /** All but the one that is being run: those before it, whose answers are not told before all are there, and those the worker has not come to. */
  relieve(): Batch[] {
    const area = this.#area
    const { batches } = this.bundle
    if (batches.length === 1 || area === undefined) return []
    // From the last one on: the worker cannot begin one behind those that are taken back.
    for (const { at } of this.#requests.toReversed()) takeBack(area, at)
    const { running } = this
    this.bundle = { kind: 'run', batches: [running] }
    return batches.filter((batch) => batch !== running)
  }

  /** Of what is still in hand, as the worker wrote them. */
  outcomesIn(answers: Area): Outcomes {
    let at = 0
    const all = this.#requests.map(({ batch }) => {
      const own = at
      at = nextOf(answers, own)
      return this.bundle.batches.includes(batch) ? outcomeIn(answers, own, batch) : 'again'
    })
    return all.filter((_, i) => this.bundle.batches.includes(this.#requests[i]!.batch))
  }
}

function outcomeIn(answers: Area, at: number, { jobs: [{ outputs }] }: Batch): Outcomes[number] {
  const { outcome, runMs, busyMs } = readAnswer(answers, at)
  if (outcome === OUTCOME.tooLarge) return 'too large'
  if (outcome !== OUTCOME.answered) return 'again'
  // The values of several are copied when they are taken apart, but by then the area may hold the next answer.
  const tensors = readTensors(answers, at + ANSWER_WORDS, { infos: outputs, values: 'copy' })
  return { tensors, runMs, busyMs }
}
