// blend: the weighted average of what several algorithms say. Models that err in different ways err less together (Breiman
// 1996); equal parts of a few good ones are hard to beat (Caruana et al. 2004). All of them are in the one model file.
import { type FieldError, invalid } from '../../../core/failure.ts'
import type { FeatureInfo } from '../../features.ts'
import type { GraphBuilder, Value } from '../../onnx/graph.ts'
import type { FitInput, FittedModel, Learner, LearningTarget, ModelMember } from '../learner.ts'
import { within } from '../path.ts'
import { fillSettings } from '../settings.ts'
import { writeClasses } from '../write-classes.ts'
import { AVERAGES, type Average, LOG_ODDS } from './average.ts'
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
    const errors = [...checkMembers(settings, singles, target.task), ...checkAverage(settings, target)]
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
    return blended({ fitted, target, width: matrix.cols, average: AVERAGES[settings.average] })
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

function checkAverage({ average }: BlendSettings, target: LearningTarget): FieldError[] {
  if (average === 'answers' || (target.task === 'classification' && target.classes.length === 2)) return []
  return [
    { field: 'hyperparameters.average', message: 'must be answers, unless there are two classes', value: average },
  ]
}

interface Whole {
  readonly fitted: readonly Fitted[]
  readonly target: LearningTarget
  readonly width: number
  readonly average: Average
}

function blended(whole: Whole): FittedModel {
  const { fitted, average } = whole
  const members = fitted.map(
    ({ model, columns, share }): ModelMember => ({
      model,
      share,
      start: columns.start,
      see: (matrix) => selectColumns(matrix, columns),
    }),
  )
  return {
    iterations: fitted.reduce((sum, { model }) => sum + model.iterations, 0),
    converged: fitted.every(({ model }) => model.converged),
    warnings: fitted.flatMap(({ algorithm, model }) => model.warnings.map((warning) => `${algorithm}: ${warning}`)),
    members,
    ...(average === LOG_ODDS && { averagesLogOdds: true }),
    predict: (matrix) =>
      average.of(members.map(({ model, see, share }) => ({ said: model.predict(see(matrix)), share }))),
    write: (graph, features) => write(graph, features, whole),
  }
}

function write(graph: GraphBuilder, features: Value, { fitted, target, width, average }: Whole): void {
  const answer = target.task === 'classification' ? 'probabilities' : 'prediction'
  const slices = new Map<number, Value>()
  const parts = fitted.map(({ model, columns, share }) => {
    const own = slices.get(columns.start) ?? sliceColumns(graph, features, columns, width)
    slices.set(columns.start, own)
    return average.writePart(graph, graph.outputsOf(() => model.write(graph, own)).get(answer)!, share)
  })
  const sum = average.writeSum(graph, parts.length === 1 ? parts[0]! : graph.node('Sum', parts, { hint: 'blend' }))
  if (target.task === 'classification') writeClasses(graph, sum, target)
  else graph.output('prediction', sum, 'float32', ['N'])
}
