// What was measured when a version was trained, as it was stored then.
import { type EvaluationReport, evaluationFields, type StoredEvaluation } from '../../contract/evaluation.ts'
import type { Input } from '../../contract/operations/index.ts'
import { notFound } from '../../core/failure.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { getModelRow, getVersionRow, requireTrained } from './store.ts'

/** @throws `conflict` VERSION_NOT_TRAINED; `not_found` EVALUATION_NOT_FOUND for a version that was trained elsewhere. */
export function getEvaluation(ctx: Ctx, input: Input<'versions.evaluation'>): Promise<EvaluationReport> {
  return inTransaction(ctx, async (ctx) => {
    const model = await getModelRow(ctx, input.model_id)
    const row = requireTrained(await getVersionRow(ctx, model.id, input.version))
    if (row.evaluation === null || !('split' in row.evaluation)) {
      throw notFound('evaluation', `${row.model_id}:${row.version}`)
    }
    const { model_id, version, metrics } = row
    return { model_id, version, metrics, ...stored(row.evaluation) }
  })
}

/** The fields of the contract; what else is stored beside them belongs to others. */
function stored(evaluation: Readonly<Record<string, unknown>>): StoredEvaluation {
  const names = Object.keys(evaluationFields)
  return Object.fromEntries(names.map((name) => [name, evaluation[name]])) as unknown as StoredEvaluation
}
