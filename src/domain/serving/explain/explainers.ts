// What explaining a version takes, made ready at its first explanation and kept for the versions asked about last: the
// background rows, and for trees and linear models a session that answers the features and an explainer in the thread.
// What was read from a file is only used once its scores give the file's own answers for the background.
import { LRUCache } from 'lru-cache'
import type { BackgroundOrigin } from '../../../contract/explanations.ts'
import { asFailure, fail } from '../../../core/failure.ts'
import type { StoredExplanation } from '../../../ml/explain/stored.ts'
import type { LoadedModel, Tensors } from '../../../runtime/index.ts'
import type { Services } from '../../ctx.ts'
import { explainerKey, explanationKey, type Layout, layoutOf } from '../../models/index.ts'
import { readModel, readObject } from '../read-object.ts'
import type { ReadyVersion, VersionRecord } from '../served-version.ts'
import { synthesiseRows } from './background.ts'
import { type Explaining, explainingOf } from './features.ts'
import { pickRows, sliceRows } from './mix.ts'
import type { OpenReply } from './protocol.ts'
import { allScores } from './scores.ts'
import { ExplainThread } from './thread.ts'

const VERSIONS_KEPT = 16
/** Between the answers of the file, in 32 bits, and the scores read from it. */
const AGREEMENT = 1e-3
const NOTHING_TO_COMPARE = 'The model answers no number for the rows an explanation would compare with'

type Exact = NonNullable<OpenReply['exact']>

export interface Background {
  readonly origin: BackgroundOrigin
  readonly rows: Tensors
  readonly count: number
  /** Probabilities of all classes, or the one number, of every row; null where the model answers labels only. */
  readonly answers: Float64Array | null
}

export interface VersionExplainer {
  readonly key: string
  readonly layout: Layout
  readonly background: Background
  readonly exact: (Omit<Exact, 'cut'> & { readonly features: LoadedModel; readonly here?: Explaining }) | null
}

export class Explainers {
  readonly thread = new ExplainThread()
  readonly #services: Services
  readonly #kept: LRUCache<string, Promise<VersionExplainer>>

  constructor(services: Services) {
    this.#services = services
    this.#kept = new LRUCache<string, Promise<VersionExplainer>>({
      max: VERSIONS_KEPT,
      dispose: (explainer) => void explainer.then((one) => this.#letGo(one)).catch(() => undefined),
    })
  }

  /** Made ready once, however many ask; a failure is tried again by the next. */
  find(record: VersionRecord, ready: ReadyVersion): Promise<VersionExplainer> {
    // Of the bytes that are loaded: a folder of models says no digest beforehand.
    const key = `${record.tenantId}/${record.modelId}/${record.version}/${ready.model.key}`
    const kept = this.#kept.get(key)
    if (kept) return kept
    const made = this.#prepare(key, record, ready)
    this.#kept.set(key, made)
    made.catch(() => this.forget(key))
    return made
  }

  /** What the thread knew is gone: the next explanation reads the files again. */
  forget(key: string): void {
    this.#kept.delete(key)
  }

  stop(): void {
    this.#kept.clear()
    this.thread.stop()
  }

  async #letGo({ key, exact }: VersionExplainer): Promise<void> {
    if (!exact) return
    await exact.features.release()
    await this.thread.ask({ op: 'close', key })
  }

  async #prepare(key: string, record: VersionRecord, ready: ReadyVersion): Promise<VersionExplainer> {
    const { signature } = record
    const layout = layoutOf(signature.inputs, ready.model.info)
    const opened = await this.#open(key, record, layout)
    const text = await readObject(
      this.#services.objects,
      explanationKey(record.tenantId, record.modelId, record.version),
    )
    const stored = text && (JSON.parse(text.toString('utf8')) as StoredExplanation)
    const given = stored && ready.reader.read(stored.background.rows, () => '')
    const background =
      (given && (await this.#answered(record, ready, { origin: stored.background.origin, ...given }))) ??
      (await this.#answered(record, ready, {
        origin: 'synthesised',
        ...ready.reader.read(synthesiseRows(signature), () => ''),
      }))
    if (!background) throw fail('invalid', 'EXPLANATION_UNAVAILABLE', NOTHING_TO_COMPARE)
    const exact = opened.exact && (await this.#begin({ key, record, ready, background }, opened.exact))
    return { key, layout, background, exact }
  }

  async #open(key: string, record: VersionRecord, layout: Layout): Promise<OpenReply> {
    const { tenantId, modelId, version, signature } = record
    const { objects } = this.#services
    const model = await readModel(objects, record)
    if (!model)
      throw fail('unavailable', 'ARTIFACT_MISSING', `The stored file of ${record.modelName} ${version} is gone`)
    const stored = (await readObject(objects, explainerKey(tenantId, modelId, version))) ?? null
    return this.thread.ask({
      op: 'open',
      key,
      model,
      stored,
      inputs: layout.tensors.map(({ name, width }) => ({ name, width })),
      slots: layout.slots.map(({ tensor, offset }) => ({ input: layout.tensors[tensor]!.name, column: offset })),
      columnNames: signature.inputs.map(({ name }) => name),
    })
  }

  /** Null where the scores that were read are not those of the model: then it is asked like any other. */
  async #begin(
    { key, record, ready, background }: Beginning,
    { cut, ...exact }: Exact,
  ): Promise<VersionExplainer['exact']> {
    const { answers } = background
    if (!answers) return null
    let features: LoadedModel | undefined
    try {
      features = await this.#services.runtime.load({
        key: `${ready.model.key} ${exact.output}`,
        bytes: cut,
        isolated: !record.trusted,
        trusted: record.ownGraph,
      })
      const values = await runFeatures({ features, output: exact.output }, background.rows, background.count)
      const { difference, light } = await this.thread.ask({
        op: 'begin',
        key,
        features: values,
        rows: background.count,
        answers,
      })
      if (difference <= AGREEMENT) return { ...exact, features, ...(light && { here: explainingOf(light) }) }
      this.#services.log.warn({ model: record.modelName, version: record.version, difference }, 'explained by asking')
    } catch (error) {
      if (asFailure(error).kind !== 'invalid') throw error
      this.#services.log.warn({ err: error, model: record.modelName, version: record.version }, 'explained by asking')
    }
    await features?.release()
    return null
  }

  /** The rows for which the model answers numbers; undefined when there are none. */
  async #answered(record: VersionRecord, ready: ReadyVersion, given: Given): Promise<Background | undefined> {
    const kept: number[] = []
    const answers: number[] = []
    const count = given.rows.length
    const step = ready.reader.rowByRow ? 1 : count
    let labelsOnly = false
    for (let start = 0; start < count; start += step) {
      const { outputs } = await ready.model.run(sliceRows(given.feeds, start, step))
      const scores = allScores(record.signature, outputs, step)
      labelsOnly ||= scores === null
      for (let row = 0; row < step; row++) {
        const width = (scores?.length ?? 0) / step
        const own = scores?.subarray(row * width, (row + 1) * width) ?? []
        if (!own.every(Number.isFinite)) continue
        kept.push(start + row)
        answers.push(...own)
      }
    }
    if (kept.length === 0) return undefined
    const rows = pickRows(given.feeds, kept)
    return { origin: given.origin, rows, count: kept.length, answers: labelsOnly ? null : Float64Array.from(answers) }
  }
}

interface Given {
  readonly origin: BackgroundOrigin
  readonly feeds: Tensors
  readonly rows: readonly number[]
}

interface Beginning extends Pick<VersionExplainer, 'key' | 'background'> {
  readonly record: VersionRecord
  readonly ready: ReadyVersion
}

/** The features of `count` rows, row after row; one by one where the file takes one row only. */
export async function runFeatures(
  { features, output }: { readonly features: LoadedModel; readonly output: string },
  rows: Tensors,
  count: number,
): Promise<Float32Array> {
  const step = features.info.inputs.some(({ dims }) => dims[0] === 1) ? 1 : count
  const parts: Float32Array[] = []
  for (let start = 0; start < count; start += step) {
    const { outputs } = await features.run(sliceRows(rows, start, step))
    parts.push(outputs[output]!.data as Float32Array)
  }
  return parts.length === 1 ? parts[0]! : Float32Array.from(parts.flatMap((part) => [...part]))
}
