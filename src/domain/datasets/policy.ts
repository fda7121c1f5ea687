import type { ContractColumn, DataContract } from '../../contract/datasets.ts'
import type { Input } from '../../contract/operations/index.ts'
import { type FieldError, invalid } from '../../core/failure.ts'
import { tenantRoot } from '../../core/tenant-root.ts'

type GivenContract = NonNullable<Input<'datasets.create'>['contract']>

export function datasetKey(tenantId: string, datasetId: string): string {
  return `${tenantRoot(tenantId)}datasets/${datasetId}/data`
}

/** A contract as it was given, defaults filled in. @throws `invalid` for columns named twice or an unknown target. */
export function completeContract(given: GivenContract): DataContract {
  const errors: FieldError[] = []
  const seen = new Set<string>()
  const columns = given.columns.map((column, index): ContractColumn => {
    if (seen.has(column.name)) {
      errors.push({ field: `contract.columns.${index}.name`, message: 'is named twice', value: column.name })
    }
    seen.add(column.name)
    if (column.min !== undefined && column.max !== undefined && column.min > column.max) {
      errors.push({ field: `contract.columns.${index}.min`, message: 'is greater than max', value: column.min })
    }
    return { ...column, required: column.required ?? true, nullable: column.nullable ?? true }
  })
  if (given.target !== undefined && !seen.has(given.target)) {
    errors.push({ field: 'contract.target', message: 'is not one of the columns', value: given.target })
  }
  if (errors.length > 0) throw invalid('contract', errors)
  return { columns, ...(given.target !== undefined && { target: given.target }) }
}
