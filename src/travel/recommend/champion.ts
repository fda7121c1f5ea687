// The live version, measured on what users did after it was trained: the same lists of ten as the new one's, from its own file.
// Where too little happened since, there is nothing both have not seen, and no figure.
import { asFailure } from '../../core/failure.ts'
import type { TrainerChampion } from '../../domain/training/index.ts'
import { evaluateRanking, lookedAt, type RankingMetrics, splitAt } from '../../ml/recommend/evaluate.ts'
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
  /** Absent where the two cannot be compared, null where the file answers something else. */
  readonly metrics?: RankingMetrics | null
}

const K = 10

export async function measureChampion(
  { version, file, trainedAtMs }: ChampionFile,
  recorded: Recorded,
  splitMs: number | undefined,
): Promise<ChampionFigure> {
  if (splitMs === undefined || splitMs < trainedAtMs) return { version }
  return { version, metrics: await measured(file, recorded, splitMs).catch(refusalOnly) }
}

/** Somebody may have imported another kind of file under the name. */
function refusalOnly(error: unknown): null {
  if (asFailure(error).kind === 'invalid') return null
  throw error
}

async function measured(
  file: Uint8Array,
  { data, userIds, itemIds, userWords }: Recorded,
  splitMs: number,
): Promise<RankingMetrics> {
  const { before, after } = splitAt(data.feedback, splitMs)
  const task = { known: preferenceMatrix(before), wanted: preferenceMatrix(after), k: K }
  const session = await openSession(file)
  try {
    const numbers = new Map(itemIds.map((id, item) => [id, item]))
    const answers = new Map<number, readonly number[]>()
    for (const { user } of lookedAt(task)) {
      const limit = K + countOf(task.known, user)
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
    return evaluateRanking(score, task)
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
