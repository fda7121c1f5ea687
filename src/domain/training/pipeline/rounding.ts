// How far rounding alone can move what a model says: the features are moved by one unit in their last (24th) bit, up or down
// at random, and the model is asked again. Where large terms cancel, that small change shows as a large one.
import { seededRandom } from '../../../core/random.ts'
import type { FittedModel } from '../../../ml/learn/index.ts'
import type { Matrix } from '../../../ml/matrix.ts'

const LAST_BIT = 2 ** -23
/** Signs that happen to be alike hide a cancellation; so many draws in a row do not. */
const DRAWS = 8
/** A sum rounds at every step, not once: a generous multiple that is still far below what a wrong graph does. */
const STEPS = 16

/** A bound for each value of `model.predict(matrix)`. */
export function roundingBounds(model: FittedModel, matrix: Matrix): Float64Array {
  if (model.members) return boundsOfMembers(model.members, matrix)
  // Trees add a few numbers and multiply none: nothing cancels, and moved features would change sides.
  if (model.ensemble) return new Float64Array(model.predict(matrix).values.length)
  const exact = model.predict(matrix).values
  const bounds = new Float64Array(exact.length)
  const random = seededRandom(1)
  for (let draw = 0; draw < DRAWS; draw++) {
    const values = matrix.values.map((value) => value * (random.next() < 0.5 ? 1 - LAST_BIT : 1 + LAST_BIT))
    const moved = model.predict({ ...matrix, values }).values
    for (let i = 0; i < bounds.length; i++) bounds[i] = Math.max(bounds[i]!, STEPS * Math.abs(moved[i]! - exact[i]!))
  }
  return bounds
}

function boundsOfMembers(members: NonNullable<FittedModel['members']>, matrix: Matrix): Float64Array {
  const own = members.map(({ model, see }) => roundingBounds(model, see(matrix)))
  return own[0]!.map((_, i) => members.reduce((sum, { share }, k) => sum + share * own[k]![i]!, 0))
}
