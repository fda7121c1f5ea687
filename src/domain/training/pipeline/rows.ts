// Rows with their target, and the two matrices they become: the final model and every fold have that in common.
import type { ContractColumn } from '../../../contract/datasets.ts'
import type { Encoding, EncodingPlan } from '../../../ml/encode/index.ts'
import type { Matrix } from '../../../ml/matrix.ts'
import type { Table } from '../../../ml/table.ts'
import { fitEncoders, openEncoder } from './encode.ts'
import type { Step } from './progress.ts'
import type { Target } from './target.ts'

/** Rows with their target. */
export interface Labelled {
  readonly table: Table
  readonly target: Target
}

export interface Encoded {
  readonly encoding: Encoding
  readonly train: Matrix
  readonly heldOut: Matrix
}

export interface EncodeRequest {
  readonly columns: readonly ContractColumn[]
  readonly choices: EncodingPlan
  readonly train: Table
  readonly heldOut: Table
  readonly step: Step
}

export async function encodeRows({ columns, choices, train, heldOut, step }: EncodeRequest): Promise<Encoded> {
  const encoding = fitEncoders(train, columns, choices)
  await using encoder = await openEncoder(encoding)
  const share = train.rows / (train.rows + heldOut.rows)
  return {
    encoding,
    train: await encoder.encode(train, (fraction) => step(fraction * share)),
    heldOut: await encoder.encode(heldOut, (fraction) => step(share + fraction * (1 - share))),
  }
}
