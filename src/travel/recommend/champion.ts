// The live version, measured on what users did after it was trained: the same lists of ten as the new one's, from its own file.
// Where too little happened since, there is nothing both have not seen, and no figure.
import type { TrainerChampion } from '../../domain/training/index.ts'
import { evaluateRanking, type RankingMetrics, splitAt } from '../../ml/recommend/evaluate.ts'
import { preferenceMatrix, type SparseMatrix } from '../../ml/recommend/feedback.ts'
import { NEVER } from '../../ml/recommend/graph.ts'
import { openSession } from '../../runtime/in-process.ts'
import { questionOf } from './question.ts'
import type { Recorded } from './recorded.ts'

export interface ChampionFile extends Pick<TrainerChampion, 'version' | 'trainedAtMs'> {
  readonly file: Uint8Array
}

export interface ChampionFigure {
  readonly version: string
  /** Absent where the two cannot be compared. */
  readonly metrics?: RankingMetrics
}

const K = 10

export async function measureChampion(
  { version, file, trainedAtMs }: ChampionFile,
  { data, userIds, itemIds, userWords }: Recorded,
  splitMs: number | undefined,
): Promise<ChampionFigure> {
  if (splitMs === undefined || splitMs < trainedAtMs) return { version }
  const { before, after } = splitAt(data.feedback, splitMs)
  const [known, wanted] = [preferenceMatrix(before), preferenceMatrix(after)]
  const session = await openSession(file)
  try {
    const numbers = new Map(itemIds.map((id, item) => [id, item]))
    const answers = new Map<number, readonly number[]>()
    for (let user = 0; user < wanted.rows; user++) {
      if (countOf(wanted, user) === 0) continue
      const limit = K + countOf(known, user)
      const { outputs } = await session.run(
        questionOf({ user: userIds[user]!, words: wordsOf(data.userTokens, user, userWords), filter: 0, limit }),
        { fetches: ['item', 'raw'] },
      )
      const raw = outputs.raw!.data as Float32Array
      const items = (outputs.item!.data as readonly string[]).filter((_, rank) => raw[rank]! > NEVER / 10)
      answers.set(
        user,
        items.map((id) => numbers.get(id)).filter((item) => item !== undefined),
      )
    }
    const score = (user: number, into: Float32Array) => {
      into.fill(Number.NEGATIVE_INFINITY)
      for (const [rank, item] of (answers.get(user) ?? []).entries()) into[item] = -rank
    }
    return { version, metrics: evaluateRanking(score, { known, wanted, k: K }) }
  } finally {
    await session.close()
  }
}

function countOf({ starts }: SparseMatrix, row: number): number {
  return starts[row + 1]! - starts[row]!
}

function wordsOf({ starts, indices }: SparseMatrix, user: number, names: readonly string[]): string[] {
  return Array.from(indices.subarray(starts[user]!, starts[user + 1]!), (word) => names[word]!)
}
