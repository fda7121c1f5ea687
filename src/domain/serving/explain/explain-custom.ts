// Why a model written in code answered as it did: it is asked about mixtures of the row and of rows made from its schema. The
// members of the object (or of the list) it takes are the columns.
import { createHash } from 'node:crypto'
import type { Explanation } from '../../../contract/explanations.ts'
import { compileCheck } from '../../../core/check.ts'
import { fail } from '../../../core/failure.ts'
import { type Coalition, shapleyValues } from '../../../ml/explain/shapley.ts'
import type { CustomAnswer, RegisteredModel } from '../custom.ts'
import type { ServingCtx } from '../serving.ts'
import { rowsOfSchema } from './schema-rows.ts'
import { type Cell, sampledExplanation, shown } from './shape.ts'

/** Such a model may ask other services: far fewer questions than to a file, some at a time. */
const EVALUATIONS = 300
const AT_A_TIME = 32
const TIME_MS = 3000

export interface CustomExplained {
  readonly rows: readonly unknown[]
  readonly answers: readonly (CustomAnswer | undefined)[]
}

export async function explainCustomRows(
  ctx: ServingCtx,
  model: RegisteredModel,
  { rows, answers }: CustomExplained,
): Promise<(Explanation | undefined)[]> {
  const found: (Explanation | undefined)[] = []
  for (const [i, row] of rows.entries()) found.push(answers[i] && (await explainCustom(ctx, model, row)))
  return found
}

/** @throws `invalid` EXPLANATION_UNAVAILABLE when the schema says too little to make rows from. */
export async function explainCustom(ctx: ServingCtx, model: RegisteredModel, row: unknown): Promise<Explanation> {
  const background = usableRows(model)
  const answer = await model.ask(ctx, row)
  const score = await scorer(ctx, model, answer)
  const keys = keysOf(row, background)
  const deadline = ctx.clock.elapsedMs() + TIME_MS
  const found = await shapleyValues(
    {
      players: keys.length,
      empty: await score(background),
      full: (await score([row]))[0]!,
      same: (at, player) =>
        JSON.stringify(member(background[at], keys[player]!)) === JSON.stringify(member(row, keys[player]!)),
      evaluate: (coalitions) => score(coalitions.map((coalition) => mix(row, background, { coalition, keys }))),
    },
    {
      seed: createHash('sha256').update(JSON.stringify(row)).digest().readUInt32LE(0),
      evaluations: EVALUATIONS,
      batch: AT_A_TIME,
      expired: () => ctx.gone() || ctx.clock.elapsedMs() > deadline,
    },
  )
  const output = isNumber(answer) ? 'prediction' : String(answer.prediction)
  const cells = keys.map((key): Cell => ({ column: key ?? 'input', value: shown(member(row, key)) }))
  return sampledExplanation({ output, background: 'synthesised', backgroundRows: background.length }, found, cells)
}

function usableRows(model: RegisteredModel): readonly unknown[] {
  const check = compileCheck(model.input, { foreign: true })
  const rows = rowsOfSchema(model.input).filter((row) => check(row).length === 0)
  if (rows.length > 0) return rows
  throw fail('invalid', 'EXPLANATION_UNAVAILABLE', `"${model.name}" cannot be explained: its schema has no examples`, {
    details: { errors: [{ field: 'explain', message: 'needs `examples` in the input schema of the model' }] },
  })
}

const isNumber = ({ prediction, confidence, probabilities }: CustomAnswer) =>
  typeof prediction === 'number' && confidence === undefined && probabilities === undefined

/** The predicted number, or the probability of the class that was predicted for the row. */
async function scorer(ctx: ServingCtx, model: RegisteredModel, about: CustomAnswer) {
  const predicted = String(about.prediction)
  const scoreOf = (answer: CustomAnswer): number => {
    if (isNumber(about)) return Number(answer.prediction)
    const known = answer.probabilities?.[predicted]
    return known ?? (String(answer.prediction) === predicted ? (answer.confidence ?? 1) : 0)
  }
  return async (rows: readonly unknown[]): Promise<Float64Array> => {
    const scores = new Float64Array(rows.length)
    for (let start = 0; start < rows.length; start += AT_A_TIME) {
      const part = rows.slice(start, start + AT_A_TIME)
      scores.set((await Promise.all(part.map((row) => model.ask(ctx, row)))).map(scoreOf), start)
    }
    return scores
  }
}

/** Members of the rows; undefined stands for a row that is one value. */
function keysOf(row: unknown, background: readonly unknown[]): readonly (string | undefined)[] {
  const all = [row, ...background]
  if (!all.every((one) => typeof one === 'object' && one !== null && Array.isArray(one) === Array.isArray(row))) {
    return [undefined]
  }
  return [...new Set(all.flatMap((one) => Object.keys(one as object)))]
}

function member(row: unknown, key: string | undefined): unknown {
  return key === undefined ? row : (row as Readonly<Record<string, unknown>>)[key]
}

interface Mixing {
  readonly coalition: Coalition
  readonly keys: readonly (string | undefined)[]
}

function mix(row: unknown, background: readonly unknown[], { coalition, keys }: Mixing): unknown {
  const other = background[coalition.row]
  if (keys[0] === undefined) return other
  const entries = keys.flatMap((key, player) => {
    const from = coalition.members[player] === 1 ? row : other
    return Object.hasOwn(from as object, key!) ? [[key!, member(from, key)] as const] : []
  })
  return Array.isArray(row) ? entries.map(([, value]) => value) : Object.fromEntries(entries)
}
