// A table held against a data contract. Counts come from the measuring pass; only where a rule is broken is the file read
// once more, with row numbers, for the first hundred places.
import type { ContractColumn, ContractFinding, DataContract, ValidationReport } from '../contract/datasets.ts'
import { type ColumnFacts, limitExpressions, type MeasuredColumn, type TableFile } from './facts.ts'
import type { Reading } from './reading.ts'
import { MAX_FINDINGS, shown } from './refuse.ts'
import { type TypedColumn, typedRelation, wrongExpression } from './sql.ts'
import { inHalves, stackRelation, stacksOf } from './stacks.ts'
import { readTogether } from './strips.ts'

export interface CheckedColumn {
  readonly contract: ContractColumn
  readonly column: MeasuredColumn
  readonly facts: ColumnFacts
}

interface Violation {
  readonly name: string
  readonly rule: string
  readonly count: number
  /** Absent for rules about columns as a whole. */
  readonly column?: MeasuredColumn
  /** SQL over `x` and `t` of a cell; absent where other rows decide, too. */
  readonly where?: string
}

/** The columns of the file a contract speaks of, typed as it says. */
export function contractColumns(
  reading: Reading,
  contract: DataContract,
): { contract: ContractColumn; column: MeasuredColumn }[] {
  const indexes = new Map(reading.columns.map(({ name }, index) => [name, index]))
  return contract.columns.flatMap((wanted) => {
    const index = indexes.get(wanted.name)
    if (index === undefined) return []
    const { source, slashOrder } = reading.columns[index]!
    const { dtype, categories } = wanted
    return [{ contract: wanted, column: { index, source, dtype, categories, slashOrder, limits: wanted } }]
  })
}

export async function checkTable(
  table: TableFile,
  contract: DataContract,
  checked: readonly CheckedColumn[],
): Promise<ValidationReport> {
  const violations = [...columnRules(table.reading, contract, checked), ...checked.flatMap(cellRules)]
  violations.push(...(await duplicates(table, checked)))
  const findings = violations
    .filter(({ column }) => !column)
    .map(({ name, rule }) => finding(null, name, { rule, value: null }))
  if (findings.length < MAX_FINDINGS) findings.push(...(await places(table, violations)))
  return {
    valid: violations.length === 0,
    findings: findings.slice(0, MAX_FINDINGS),
    counts: violations.map(({ name, rule, count }) => ({ column: name, rule, count })),
  }
}

function finding(
  row: number | null,
  column: string,
  { rule, value }: { readonly rule: string; readonly value: string | null },
): ContractFinding {
  return { row, column, rule, value: shown(value) }
}

/** Rules about columns as a whole: missing, unknown, and a target that is not there or holds nothing. */
function columnRules(reading: Reading, contract: DataContract, checked: readonly CheckedColumn[]): Violation[] {
  const present = new Set(reading.columns.map(({ name }) => name))
  const known = new Set(contract.columns.map(({ name }) => name))
  const absent = contract.columns.filter(({ name, required }) => required !== false && !present.has(name))
  const unknown = reading.columns.filter(({ name }) => !known.has(name))
  const { target } = contract
  const targetIsEmpty = checked.some(({ contract: { name }, facts }) => name === target && facts.values === 0)
  const broken = (name: string, rule: string): Violation => ({ name, rule, count: 1 })
  return [
    ...absent.map(({ name }) => broken(name, 'required')),
    ...unknown.map(({ name }) => broken(name, 'unknown_column')),
    ...(target !== undefined && (!present.has(target) || targetIsEmpty) ? [broken(target, 'target')] : []),
  ]
}

function cellRules({ contract, column, facts }: CheckedColumn): Violation[] {
  const { name } = contract
  const wrong = wrongExpression(column)
  const { below, above, outside } = limitExpressions(column)
  const missing = contract.nullable === false ? facts.rows - facts.values - facts.wrong : 0
  const rules: Violation[] = [
    { name, column, rule: 'nullable', count: missing, where: `x${column.index} IS NULL AND NOT (${wrong})` },
    { name, column, rule: 'dtype', count: facts.wrong, where: wrong },
    { name, column, rule: 'min', count: facts.below, where: below ?? 'false' },
    { name, column, rule: 'max', count: facts.above, where: above ?? 'false' },
    { name, column, rule: 'categories', count: facts.outside, where: outside ?? 'false' },
  ]
  return rules.filter(({ count }) => count > 0)
}

/** Repeated values of columns that must be unique: every occurrence after the first is a finding. */
async function duplicates(table: TableFile, checked: readonly CheckedColumn[]): Promise<Violation[]> {
  const unique = checked.filter(({ contract }) => contract.unique)
  const counts = new Map<CheckedColumn, number>()
  for (const group of uniqueGroups(table, unique, ({ column }) => column)) {
    await inHalves(group, async (half) => {
      const { index } = half[0]!.column
      const repeated = `SELECT k, count(*) AS n FROM ${numberedRelation(table, half, 'none')}
        WHERE x${index} IS NOT NULL GROUP BY k, x${index} HAVING n > 1`
      const rows = await table.engine.rows(`SELECT k, sum(n - 1)::BIGINT FROM (${repeated}) GROUP BY k`)
      for (const [k, count] of rows) counts.set(half[Number(k)]!, Number(count))
    })
  }
  return unique.flatMap((one): Violation[] => {
    const count = counts.get(one)
    return count === undefined ? [] : [{ name: one.contract.name, column: one.column, rule: 'unique', count }]
  })
}

/** Columns of a wide file in stacks, others one by one. */
function uniqueGroups<T>({ file }: TableFile, items: readonly T[], columnOf: (item: T) => TypedColumn): Iterable<T[]> {
  return file.strips ? stacksOf(file, items, { columnOf }) : items.map((item) => [item])
}

function numberedRelation(
  table: TableFile,
  group: readonly { readonly column: TypedColumn }[],
  rowNumbers: 'none' | 'from 1',
): string {
  const columns = group.map(({ column }) => column)
  if (table.file.strips) return stackRelation(table, columns, rowNumbers)
  return `(SELECT 0 AS k, * FROM ${typedRelation(table.file, table.reading, { columns, rowNumbers })})`
}

/** The first places where the given rules are broken, by row and then in the order of the contract. */
async function places(table: TableFile, violations: readonly Violation[]): Promise<ContractFinding[]> {
  const inCells = violations.filter((v): v is CellViolation => v.column !== undefined)
  const columnOf = ({ column }: CellViolation) => column
  const order = new Map(violations.map(({ name, rule }, k) => [`${name}\u0000${rule}`, k]))
  const rank = ({ column, rule }: ContractFinding) => order.get(`${column}\u0000${rule}`)!
  let found: ContractFinding[] = []
  const take = (more: readonly ContractFinding[]) => {
    found = [...found, ...more].sort((a, b) => a.row! - b.row! || rank(a) - rank(b)).slice(0, MAX_FINDINGS)
  }
  const repeated = inCells.filter(({ rule }) => rule === 'unique')
  for (const group of uniqueGroups(table, repeated, columnOf)) {
    await inHalves(group, async (half) => take(await repeatsOf(table, half)))
  }
  const others = inCells.filter(({ rule }) => rule !== 'unique')
  for (const group of readTogether(table.file, others, { most: RULES_A_PASS, indexOf: ({ column }) => column.index })) {
    take(await placesOf(table, group))
  }
  return found
}

type CellViolation = Violation & Required<Pick<Violation, 'column'>>
const RULES_A_PASS = 64

async function placesOf(table: TableFile, group: readonly CellViolation[]): Promise<ContractFinding[]> {
  const columns = [...new Map(group.map(({ column }) => [column.index, column])).values()]
  const relation = typedRelation(table.file, table.reading, { columns, rowNumbers: 'from 1' })
  const flags = group.map(({ where }) => `coalesce(${where}, false)`)
  const values = group.map(({ column }) => `left(t${column.index}, 201)`)
  const rows = await table.engine.rows(
    `SELECT r, ${[...flags, ...values].join(', ')} FROM ${relation} WHERE ${flags.join(' OR ')} ORDER BY r LIMIT ${MAX_FINDINGS}`,
  )
  return rows.flatMap(([r, ...cells]) => {
    const broken = group.map(({ name, rule }, k) => ({
      name,
      rule,
      isBroken: cells[k],
      value: cells[group.length + k],
    }))
    return broken
      .filter(({ isBroken }) => isBroken)
      .map(({ name, rule, value }) => finding(Number(r), name, { rule, value: value as string | null }))
  })
}

/** The first rows of each group, whole ones, so that the order of the contract decides within a row. */
async function repeatsOf(table: TableFile, group: readonly CellViolation[]): Promise<ContractFinding[]> {
  const { index } = group[0]!.column
  const repeated = `SELECT k, r, left(t${index}, 201) AS t FROM ${numberedRelation(table, group, 'from 1')}
    QUALIFY x${index} IS NOT NULL AND row_number() OVER (PARTITION BY k, x${index} ORDER BY r) > 1`
  const rows = await table.engine.rows(`SELECT k, r, t FROM (${repeated})
    QUALIFY dense_rank() OVER (ORDER BY r) <= ${MAX_FINDINGS} ORDER BY r, k`)
  return rows.map(([k, r, t]) => {
    const { name, rule } = group[Number(k)]!
    return finding(Number(r), name, { rule, value: t as string | null })
  })
}
