import type { Comparison } from '../../contract/models.ts'
import type { Input } from '../../contract/operations/index.ts'
import { greaterIsBetter } from '../../ml/metrics/index.ts'
import type { Row } from '../../ports/db/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { getModelRow, getVersionRow, versionDocument } from './store.ts'

export function compareModelVersions(ctx: Ctx, input: Input<'versions.compare'>): Promise<Comparison> {
  return inTransaction(ctx, async (ctx) => {
    const model = await getModelRow(ctx, input.model_id)
    const a = await getVersionRow(ctx, model.id, input.a)
    const b = await getVersionRow(ctx, model.id, input.b)
    return {
      a: versionDocument(a),
      b: versionDocument(b),
      metrics: union(a.metrics, b.metrics).map((name) => compareMetric(name, a.metrics[name], b.metrics[name])),
      hyperparameters: differences(a, b),
      same_dataset: a.lineage.dataset_sha256 !== null && a.lineage.dataset_sha256 === b.lineage.dataset_sha256,
    }
  })
}

type MetricComparison = Comparison['metrics'][number]

function compareMetric(name: string, a: number | undefined, b: number | undefined): MetricComparison {
  const known = a !== undefined && b !== undefined
  const direction = greaterIsBetter(name)
  return {
    name,
    a: a ?? null,
    b: b ?? null,
    difference: known ? b - a : null,
    better: !known || direction === undefined ? null : a === b ? 'same' : b > a === direction ? 'b' : 'a',
  }
}

function differences(a: Row<'model_versions'>, b: Row<'model_versions'>): Comparison['hyperparameters'] {
  return union(a.hyperparameters, b.hyperparameters)
    .map((name) => ({ name, a: a.hyperparameters[name] ?? null, b: b.hyperparameters[name] ?? null }))
    .filter((pair) => JSON.stringify(pair.a) !== JSON.stringify(pair.b))
}

function union(a: object, b: object): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
}
