// The body of the explaining thread: one version after the other is opened, compared with its model, and asked. Nothing of
// ONNX Runtime is loaded here, so the thread may be terminated at any time.
import { parentPort } from 'node:worker_threads'
import { fail } from '../../../core/failure.ts'
import { type Opened, openExplainer, scoreModelOf } from '../../../ml/explain/open-explainer.ts'
import { answersOf, type Explainer, explainerOf, type ScoreModel } from '../../../ml/explain/scores.ts'
import type { StoredExplainer } from '../../../ml/explain/stored.ts'
import { toMessage } from '../../../runtime/engine-failure.ts'
import { explainFeatures } from './features.ts'
import type {
  Answered,
  Asked,
  BeginOrder,
  BeginReply,
  ExplainOrder,
  ExplainReply,
  OpenOrder,
  OpenReply,
  Reply,
} from './protocol.ts'

/** Weights of a linear model and nodes of trees that the event loop takes apart itself: a quarter of a millisecond at most. */
const LIGHT = 2500

interface Entry {
  readonly opened: Opened
  readonly columnNames: readonly string[]
  explainer: Explainer | null
}

const entries = new Map<string, Entry>()
const port = parentPort
if (port === null) throw new Error('This file is the entry of a worker thread')

port.on('message', ({ id, order }: Asked) => {
  let answer: Answered
  try {
    answer = { id, reply: carryOut(order) }
  } catch (error) {
    answer = { id, failure: toMessage(error) }
  }
  port.postMessage(answer)
})

function carryOut(order: Asked['order']): Reply {
  switch (order.op) {
    case 'open':
      return open(order)
    case 'begin':
      return begin(order)
    case 'explain':
      return explain(order)
    case 'close':
      entries.delete(order.key)
      return null
  }
}

function open(order: OpenOrder): OpenReply {
  const text = order.stored && Buffer.from(order.stored).toString('utf8')
  const stored = text === null ? null : (JSON.parse(text) as StoredExplainer)
  const opened = openExplainer({ ...order, stored })
  if (typeof opened === 'string') return { exact: null, why: opened }
  const { learner, cut } = opened
  entries.set(order.key, { opened, columnNames: order.columnNames, explainer: null })
  return {
    why: '',
    exact: {
      method: learner.kind === 'linear' ? 'linear' : 'tree_shap',
      link: learner.link,
      outputs: outputsOf(learner),
      cut: cut.bytes,
      output: cut.output,
    },
  }
}

function begin({ key, features, rows, answers }: BeginOrder): BeginReply {
  const entry = entryOf(key)
  const width = features.length / rows
  const { map, learner } = entry.opened
  if (map.names.length !== width && learner.kind === 'linear') return { difference: Number.POSITIVE_INFINITY }
  const means = entry.opened.means ?? averages(features, rows)
  const model = scoreModelOf(entry.opened, means, width)
  const explainer = explainerOf(model)
  entry.explainer = explainer
  let difference = 0
  for (let row = 0; row < rows; row++) {
    const scores = Array.from({ length: explainer.outputs }, (_, output) =>
      explainer.score(features, { offset: row * width, output }),
    )
    const found = answersOf(explainer.link, scores)
    const given = answers.subarray(row * found.length, (row + 1) * found.length)
    if (answers.length !== rows * found.length) return { difference: Number.POSITIVE_INFINITY }
    found.forEach((value, i) => {
      difference = Math.max(difference, Math.abs(value - given[i]!) / Math.max(1, Math.abs(given[i]!)))
    })
  }
  if (Number.isNaN(difference)) return { difference: Number.POSITIVE_INFINITY }
  return sizeOf(model) > LIGHT ? { difference } : { difference, light: { model, map, columnNames: entry.columnNames } }
}

function outputsOf(learner: Opened['learner']): number {
  if (learner.kind === 'sum') return 1
  return learner.kind === 'trees' ? learner.trees.outputs : learner.linear.outputs
}

function sizeOf(model: ScoreModel): number {
  if (model.kind === 'sum') return model.parts.reduce((sum, part) => sum + sizeOf(part.model), 0)
  if (model.kind === 'linear') return model.linear.width * model.linear.outputs
  return model.trees.trees.reduce((sum, { feature }) => sum + feature.length, 0)
}

function averages(features: Float32Array, rows: number): Float64Array {
  const width = features.length / rows
  const means = new Float64Array(width)
  for (let i = 0; i < features.length; i++) means[i % width]! += features[i]! / rows
  return means
}

function explain({ key, features, outputs }: ExplainOrder): ExplainReply {
  const { opened, explainer, columnNames } = entryOf(key)
  if (!explainer) throw gone()
  return { rows: explainFeatures({ explainer, map: opened.map, columnNames }, features, outputs) }
}

function entryOf(key: string): Entry {
  const entry = entries.get(key)
  if (!entry) throw gone()
  return entry
}

const gone = () => fail('unavailable', 'EXPLAINER_GONE', 'The explanation was interrupted; ask again')
