// Answers to rows asked before. In two tiers: this process, and (where REDIS_URL names one) a cache that replicas share. A
// model is cached only where its measured run is slower than the look-up by a wide margin, so a fast model never pays for
// hashing; `"cache": true|false` in its metadata overrides the measurement. Failures are not kept, and callers who ask the
// same at once share one run. What has outlived its time is kept for when the model cannot answer.
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { roughBytes } from '../../core/rough-bytes.ts'
import type { Row } from '../../runtime/index.ts'
import type { Services } from '../ctx.ts'
import type { Answer } from './output.ts'
import type { Served, VersionRecord } from './served-version.ts'

const MAX_ANSWERS = 50_000
/** An answer may name thousands of classes. */
const MAX_BYTES = 128 * 2 ** 20
/** Rows slower than this are worth a look-up in memory, which with its hash takes some hundredths of that. */
const WORTH_MS = 0.5
/** A look-up elsewhere must be this much faster than the run. */
const SHARED_GAIN = 3
/** Until the first look-up has been timed. */
const SHARED_GUESS_MS = 1
const STEP = 1.05
/** Put before a shared entry's value: the entry is believed only where it is equal to the key's. */
const DIGEST_BYTES = 32

type Needs = Pick<Services, 'cache' | 'metrics' | 'clock' | 'settings'>

interface Flight {
  readonly answer: Promise<Answer>
  readonly waiting: (() => boolean)[]
}

export interface Question {
  readonly served: Served
  readonly row: Row
  readonly gone: () => boolean
  /** Asks the model; `gone` tells whether everybody who waits has left. */
  readonly ask: (gone: () => boolean) => Promise<Answer>
}

export class AnswerCache {
  readonly #needs: Needs
  readonly #answers: LRUCache<string, Answer>
  readonly #flights = new Map<string, Flight>()
  readonly #shared: boolean
  #lookUpMs = SHARED_GUESS_MS

  constructor(needs: Needs) {
    this.#needs = needs
    this.#shared = needs.cache.status().url !== 'in-process'
    const ttl = needs.settings.cacheTtlSeconds * 1000
    this.#answers = new LRUCache<string, Answer>({
      max: MAX_ANSWERS,
      maxSize: MAX_BYTES,
      sizeCalculation: roughBytes,
      ttl,
      noDeleteOnStaleGet: true,
    })
  }

  /** The answer to one row. Where caching is not worth it, nothing but the run happens. */
  answer(question: Question): Promise<Answer> {
    if (!this.#worthIt(question.served)) return question.ask(question.gone)
    return this.#through(digestOf(question), question)
  }

  /** What was answered last, however old: for when the model cannot answer. */
  last(question: Pick<Question, 'served' | 'row'>): Answer | undefined {
    return this.#answers.size === 0 ? undefined : this.#answers.peek(digestOf(question), { allowStale: true })
  }

  #worthIt({ settings, typicalMs }: Served): boolean {
    if (this.#needs.settings.cacheTtlSeconds === 0 || settings.cache === false) return false
    return settings.cache === true || typicalMs > WORTH_MS
  }

  #through(digest: string, question: Question): Promise<Answer> {
    const known = this.#answers.get(digest)
    this.#count('process', known !== undefined)
    if (known !== undefined) return Promise.resolve(known)
    const flight = this.#flights.get(digest)
    if (flight !== undefined) {
      flight.waiting.push(question.gone)
      return flight.answer
    }
    const waiting = [question.gone]
    const answer = this.#find(digest, question, () => waiting.every((gone) => gone()))
    this.#flights.set(digest, { answer, waiting })
    return answer.finally(() => this.#flights.delete(digest))
  }

  async #find(digest: string, { served, ask }: Question, gone: () => boolean): Promise<Answer> {
    const shared = this.#shared && served.typicalMs > SHARED_GAIN * this.#lookUpMs
    const found = shared ? await this.#lookUp(digest) : undefined
    const answer = found ?? (await ask(gone))
    this.#answers.set(digest, answer)
    if (shared && found === undefined) {
      const value = Buffer.concat([Buffer.from(digest, 'hex'), Buffer.from(JSON.stringify(answer))])
      void this.#needs.cache.set(`answer:${digest}`, value, this.#needs.settings.cacheTtlSeconds)
    }
    return answer
  }

  async #lookUp(digest: string): Promise<Answer | undefined> {
    const { cache, clock } = this.#needs
    const started = clock.elapsedMs()
    const value = await cache.get(`answer:${digest}`)
    this.#lookUpMs *= clock.elapsedMs() - started > this.#lookUpMs ? STEP : 1 / STEP
    const bytes = value && Buffer.from(value)
    const sound = bytes?.subarray(0, DIGEST_BYTES).toString('hex') === digest
    this.#count('shared', sound)
    return sound ? (JSON.parse(bytes!.toString('utf8', DIGEST_BYTES)) as Answer) : undefined
  }

  #count(cache: 'process' | 'shared', hit: boolean): void {
    const { cacheHits, cacheMisses } = this.#needs.metrics
    if (hit) cacheHits.inc({ cache })
    else cacheMisses.inc({ cache })
  }
}

/**
 * sha256 over tenant, model, the version's bytes, the outputs and the row as the model sees it: equal rows written
 * differently are one question. JSON arrays end themselves and state the lengths of the raw values behind them, so that no two
 * questions read the same.
 */
function digestOf({ served, row }: Pick<Question, 'served' | 'row'>): string {
  const described: unknown[] = []
  const values: Uint8Array[] = []
  const feeds = row.toTensors()
  for (const name in feeds) {
    const { type, dims, data } = feeds[name]!
    if (ArrayBuffer.isView(data)) {
      described.push(name, type, dims, data.byteLength)
      values.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    } else described.push(name, type, dims, data)
  }
  return hash('sha256', Buffer.concat([Buffer.from(headOf(served) + JSON.stringify(described)), ...values]), 'hex')
}

const heads = new WeakMap<VersionRecord, { readonly sha256: string; readonly text: string }>()

function headOf({ ready, record }: Served): string {
  // Of the bytes that are loaded: a folder of models says no digest beforehand.
  const sha256 = ready?.model.key ?? record.sha256
  const known = heads.get(record)
  if (known?.sha256 === sha256) return known.text
  const outputs = record.signature.outputs.map(({ name }) => name)
  const text = JSON.stringify([record.tenantId, record.modelId, record.version, sha256, outputs])
  heads.set(record, { sha256, text })
  return text
}
