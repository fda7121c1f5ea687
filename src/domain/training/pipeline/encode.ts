// From columns to the training matrix: encoders are fitted on the training rows only, and ONNX Runtime runs their graph.
import type { ContractColumn } from '../../../contract/datasets.ts'
import { fail, MlError } from '../../../core/failure.ts'
import { type Encoding, type EncodingPlan, encodeTable, fitEncoding } from '../../../ml/encode/index.ts'
import type { Matrix } from '../../../ml/matrix.ts'
import type { Table } from '../../../ml/table.ts'
import { openSession } from '../../../runtime/in-process.ts'
import type { Step } from './progress.ts'
import { unfit } from './unfit.ts'

/** Names of the answers in the model file; a graph cannot have an input of the same name. */
const ANSWERS = ['label', 'probabilities', 'prediction']

export function fitEncoders(train: Table, columns: readonly ContractColumn[], choices: EncodingPlan): Encoding {
  const taken = columns.find(({ name }) => ANSWERS.includes(name))
  if (taken) {
    const problem = 'has the name of one of the answers of the model'
    throw unfit({ column: taken.name, problem, remedy: 'rename it, or leave it out of "features"' })
  }
  try {
    return fitEncoding(train, columns, choices)
  } catch (error) {
    if (error instanceof MlError && error.code === 'NO_USABLE_FEATURES') throw nothingToLearnFrom(error)
    throw error
  }
}

function nothingToLearnFrom(cause: MlError): MlError {
  const dropped = (cause.details?.dropped ?? []) as Encoding['dropped']
  const listed = dropped.slice(0, 20).map(({ column, reason }) => `"${column}" (${reason})`)
  const message = `No column is left to learn from: ${listed.join(', ')}: add columns that differ between the training rows`
  return fail('invalid', 'TRAINING_DATA_INVALID', message, {
    details: { columns: dropped.map(({ column }) => column), remedy: 'add columns that differ between the rows' },
    cause,
  })
}

export function encodingWarnings({ dropped }: Encoding): string[] {
  return dropped.map(
    ({ column, reason }) => `Column "${column}" was left out: in the training rows it is ${REASONS[reason]}`,
  )
}

const REASONS: Record<Encoding['dropped'][number]['reason'], string> = {
  constant: 'the same everywhere',
  empty: 'missing everywhere',
  'no category is frequent enough': 'different nearly everywhere',
  'no word occurs': 'without words',
}

export interface Encoder extends AsyncDisposable {
  encode(table: Table, step: Step): Promise<Matrix>
}

/** The encoding graph, loaded for as long as there are tables to be encoded. */
export async function openEncoder(encoding: Encoding): Promise<Encoder> {
  const session = await openSession(encoding.trainingGraph().bytes)
  return {
    encode(table, step) {
      let done = 0
      return encodeTable(encoding, table, async (feeds, fetches) => {
        step(done / Math.max(1, table.rows))
        const { outputs } = await session.run(feeds, { fetches })
        done += Object.values(feeds)[0]?.dims[0] ?? 0
        return outputs
      })
    },
    [Symbol.asyncDispose]: () => session.close(),
  }
}
