// A model whose scores can be taken apart exactly: trees or linear, behind one interface, with the link from its scores to
// the answers. The link also tells in which units contributions add up.
import type { ScoreSpace } from '../../contract/explanations.ts'
import { explainLinear, type LinearScores, scoreLinear } from './linear.ts'
import { explainTrees } from './tree-shap.ts'
import { scoreTrees, type TreeModel } from './trees.ts'

/**
 * How scores become answers. `identity`: the score is the answer. `sigmoid`: its logistic is the probability of the second
 * of two classes; `chance`: the score itself is. `softmax`: one score a class. `logistic`: one score a class, each its own logistic. `exp`: the answer is
 * e^score. `share`: scores are shares of the classes, to be divided by their sum.
 */
export type Link = 'identity' | 'sigmoid' | 'chance' | 'softmax' | 'logistic' | 'exp' | 'share'

export type ScoreModel = SumModel | OneModel

/** A weighted sum of scores, each of columns of its own: an average of log odds. */
export interface SumModel {
  readonly kind: 'sum'
  readonly link: 'sigmoid'
  readonly width: number
  readonly parts: readonly SumPart[]
}

export interface SumPart {
  readonly share: number
  /** The first of its columns. */
  readonly start: number
  readonly model: OneModel
}

type OneModel = { readonly link: Link } & (
  | { readonly kind: 'trees'; readonly trees: TreeModel }
  | {
      readonly kind: 'linear'
      readonly linear: LinearScores
      /** Average of every feature. */
      readonly means: ArrayLike<number>
    }
)

export interface Explainer {
  readonly width: number
  readonly outputs: number
  readonly link: Link
  /** Average score of each output. */
  readonly base: Float64Array
  score(features: ArrayLike<number>, place: Place): number
  /** Adds each feature's contribution to the score of `output` to `into`; with `base[output]` they make the score. */
  explain(features: ArrayLike<number>, place: Place, into: Float64Array): void
}

export interface Place {
  /** Where the row begins. */
  readonly offset: number
  readonly output: number
}

export function explainerOf(model: ScoreModel): Explainer {
  if (model.kind === 'sum') return sumExplainer(model)
  if (model.kind === 'trees') {
    const { trees, link } = model
    const { base, explain } = explainTrees(trees)
    const { width, outputs } = trees
    return { width, outputs, link, base, explain, score: (features, place) => scoreTrees(trees, features, place) }
  }
  const { linear, means, link } = model
  const { width, outputs } = linear
  return {
    width,
    outputs,
    link,
    base: Float64Array.from({ length: outputs }, (_, output) => scoreLinear(linear, means, { offset: 0, output })),
    score: (features, place) => scoreLinear(linear, features, place),
    explain: (features, place, into) => explainLinear(linear, { features, means, ...place }, into),
  }
}

function sumExplainer({ width, link, parts }: SumModel): Explainer {
  const each = parts.map(({ share, start, model }) => ({ share, start, explainer: explainerOf(model) }))
  return {
    width,
    outputs: 1,
    link,
    base: Float64Array.of(each.reduce((sum, { share, explainer }) => sum + share * explainer.base[0]!, 0)),
    score: (features, { offset }) =>
      each.reduce((sum, { share, start, explainer }) => {
        return sum + share * explainer.score(features, { offset: offset + start, output: 0 })
      }, 0),
    explain: (features, { offset }, into) => {
      for (const { share, start, explainer } of each) {
        const own = new Float64Array(explainer.width)
        explainer.explain(features, { offset: offset + start, output: 0 }, own)
        for (let j = 0; j < own.length; j++) into[start + j]! += share * own[j]!
      }
    },
  }
}

/** What a model answers for its scores: probabilities of all classes, or one number. */
export function answersOf(link: Link, scores: readonly number[]): number[] {
  switch (link) {
    case 'identity':
      return [...scores]
    case 'chance':
      return [1 - scores[0]!, scores[0]!]
    case 'exp':
      return scores.map(Math.exp)
    case 'sigmoid':
      return [1 / (1 + Math.exp(scores[0]!)), 1 / (1 + Math.exp(-scores[0]!))]
    case 'logistic':
      return scores.map((score) => 1 / (1 + Math.exp(-score)))
    case 'share': {
      const total = scores.reduce((sum, score) => sum + score, 0)
      return scores.map((score) => score / total)
    }
    case 'softmax': {
      const top = Math.max(...scores)
      const powers = scores.map((score) => Math.exp(score - top))
      const total = powers.reduce((sum, power) => sum + power, 0)
      return powers.map((power) => power / total)
    }
  }
}

/** In which unit the scores behind a link are. */
export function spaceOf(link: Link, classifier: boolean): ScoreSpace {
  if (link === 'exp') return 'log_value'
  if (link === 'identity') return classifier ? 'probability' : 'value'
  return link === 'share' || link === 'chance' ? 'probability' : 'log_odds'
}
