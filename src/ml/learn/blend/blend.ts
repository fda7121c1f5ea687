// blend: the weighted average of what several algorithms say. Models that err in different ways err less together (Breiman
// 1996); equal parts of a few good ones are hard to beat (Caruana et al. 2004). All of them are in the one model file.
import { invalid } from '../../../core/failure.ts'
import type { FeatureInfo } from '../../features.ts'
import type { Matrix } from '../../matrix.ts'
import type { GraphBuilder, Value } from '../../onnx/graph.ts'
import type { FitInput, FittedModel, Learner, LearningTarget, ModelMember } from '../learner.ts'
import { within } from '../path.ts'
import { fillSettings } from '../settings.ts'
import { writeClasses } from '../write-classes.ts'
import { type Columns, columnsOf, selectColumns, sliceColumns } from './columns.ts'
import { checkMembers, membersOf, partOf, type Singles } from './members.ts'
import { BlendSettings, type MemberSettings } from './settings.ts'

interface Fitted {
  readonly algorithm: string
  readonly model: FittedModel
  readonly columns: Columns
  /** All of them add up to 1. */
  readonly share: number
}

/** The learner of a blend of some of these algorithms. It throws what its members throw. */
export function blendLearner(singles: Singles): Learner {
  return async (input) => {
    const { target, matrix, hyperparameters = {} } = input
    const settings = fillSettings(BlendSettings, structuredClone(hyperparameters))
    const errors = checkMembers(settings, singles, target.task)
    if (errors.length > 0) throw invalid('hyperparameters', errors)
    const members = membersOf(settings, singles, target.task)
    const total = members.reduce((sum, { weight }) => sum + weight, 0)
    const fitted: Fitted[] = []
    for (const [i, member] of members.entries()) {
      const part = partOf(member, members, singles)
      const columns = input.features ? columnsOf(input.features, part) : { start: 0, end: matrix.cols }
      const model = await fitMember(input, { member, columns, singles, from: i, of: members.length })
      fitted.push({ algorithm: member.algorithm, model, columns, share: member.weight / total })
    }
    return blended(fitted, target, matrix.cols)
  }
}

interface Turn {
  readonly member: MemberSettings
  readonly columns: Columns
  readonly singles: Singles
  readonly from: number
  readonly of: number
}

async function fitMember(input: FitInput, { member, columns, singles, from, of }: Turn): Promise<FittedModel> {
  const { start, end } = columns
  const own = input.features?.slice(start, end).map(({ part: _, ...feature }): FeatureInfo => feature)
  return singles[member.algorithm]!.fit({
    ...input,
    matrix: selectColumns(input.matrix, columns),
    ...(own && { features: own }),
    hyperparameters: member.hyperparameters,
    hooks: within(input.hooks ?? {}, { from: from / of, size: 1 / of }),
  })
}

function blended(fitted: readonly Fitted[], target: LearningTarget, width: number): FittedModel {
  const members = fitted.map(
    ({ model, columns, share }): ModelMember => ({
      model,
      share,
      see: (matrix) => selectColumns(matrix, columns),
    }),
  )
  return {
    iterations: fitted.reduce((sum, { model }) => sum + model.iterations, 0),
    converged: fitted.every(({ model }) => model.converged),
    warnings: fitted.flatMap(({ algorithm, model }) => model.warnings.map((warning) => `${algorithm}: ${warning}`)),
    members,
    predict: (matrix) => average(members, matrix),
    write: (graph, features) => write(graph, features, { fitted, target, width }),
  }
}

function average(members: readonly ModelMember[], matrix: Matrix): ReturnType<FittedModel['predict']> {
  const said = members.map(({ model, see }) => model.predict(see(matrix)))
  const { rows, width } = said[0]!
  const values = new Float64Array(rows * width)
  for (const [i, { share }] of members.entries()) {
    const own = said[i]!.values
    for (let at = 0; at < values.length; at++) values[at]! += share * own[at]!
  }
  return { rows, width, values }
}

interface Writing {
  readonly fitted: readonly Fitted[]
  readonly target: LearningTarget
  readonly width: number
}

function write(graph: GraphBuilder, features: Value, { fitted, target, width }: Writing): void {
  const answer = target.task === 'classification' ? 'probabilities' : 'prediction'
  const slices = new Map<number, Value>()
  const parts = fitted.map(({ model, columns, share }) => {
    const own = slices.get(columns.start) ?? sliceColumns(graph, features, columns, width)
    slices.set(columns.start, own)
    const said = graph.outputsOf(() => model.write(graph, own)).get(answer)!
    const weight = graph.constant('share', { type: 'float32', dims: [], data: Float32Array.of(share) })
    return graph.node('Mul', [said, weight], { hint: 'part' })
  })
  const sum = parts.length === 1 ? parts[0]! : graph.node('Sum', parts, { hint: 'blend' })
  if (target.task === 'classification') writeClasses(graph, sum, target)
  else graph.output('prediction', sum, 'float32', ['N'])
}
