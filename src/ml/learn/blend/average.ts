// The two ways to average members, in memory and as nodes of a graph: their answers, or the log odds of two classes. Where members
// are sums of contributions to log odds, so is the second: what each column contributes can be told exactly.
import type { GraphBuilder, Value } from '../../onnx/graph.ts'
import type { Scores } from '../learner.ts'
import { writePair } from '../write-classes.ts'

interface Said {
  readonly said: Scores
  readonly share: number
}

export interface Average {
  of(members: readonly Said[]): Scores
  writePart(graph: GraphBuilder, said: Value, share: number): Value
  writeSum(graph: GraphBuilder, sum: Value): Value
}

/** Chances nearer to 0 have no log odds in 32 bits that the file and the learner would agree on. */
const LEAST = 1e-7

const ANSWERS: Average = {
  of: (members) => {
    const { rows, width } = members[0]!.said
    const values = new Float64Array(rows * width)
    for (const { said, share } of members) {
      for (let at = 0; at < values.length; at++) values[at]! += share * said.values[at]!
    }
    return { rows, width, values }
  },
  writePart: (graph, said, share) => {
    const weight = graph.constant('share', { type: 'float32', dims: [], data: Float32Array.of(share) })
    return graph.node('Mul', [said, weight], { hint: 'part' })
  },
  writeSum: (_, sum) => sum,
}

/** Of two classes. */
export const LOG_ODDS: Average = {
  of: (members) => {
    const { rows, width } = members[0]!.said
    const values = new Float64Array(rows * width)
    for (let row = 0; row < rows; row++) {
      let odds = 0
      for (const { said, share } of members) {
        const [first, second] = [said.values[2 * row]!, said.values[2 * row + 1]!]
        odds += share * (Math.log(Math.max(LEAST, second)) - Math.log(Math.max(LEAST, first)))
      }
      values[2 * row] = 1 / (1 + Math.exp(odds))
      values[2 * row + 1] = 1 / (1 + Math.exp(-odds))
    }
    return { rows, width, values }
  },
  writePart: (graph, said, share) => {
    const least = graph.constant('least', { type: 'float32', dims: [], data: Float32Array.of(LEAST) })
    const logs = graph.node('Log', [graph.node('Max', [said, least])], { hint: 'logs' })
    const data = Float32Array.of(-share, share)
    return graph.node('MatMul', [logs, graph.constant('share', { type: 'float32', dims: [2, 1], data })], {
      hint: 'part',
    })
  },
  writeSum: writePair,
}

export const AVERAGES = { answers: ANSWERS, log_odds: LOG_ODDS } as const
