// The fenced blocks of a document, with the marker comment in front of each: `<!-- run -->` or `<!-- output -->`.

export interface Block {
  /** Of the opening fence, from 1. */
  readonly line: number
  readonly language: string
  readonly marker: 'run' | 'output' | undefined
  readonly text: string
}

const MARKER = /^<!-- (run|output) -->$/
const FENCE = /^```(\w*)$/

/** @throws Error for a marker that no block follows, and for a block that never ends. */
export function blocksOf(markdown: string, name: string): Block[] {
  const lines = markdown.split('\n')
  const blocks: Block[] = []
  let marker: Block['marker']
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!
    const found = MARKER.exec(line)?.[1] as Block['marker']
    const fence = FENCE.exec(line)
    if (marker && !fence) throw new Error(`${name}:${i + 1}: a block must follow <!-- ${marker} --> at once`)
    if (fence) {
      const end = lines.indexOf('```', i + 1)
      if (end < 0) throw new Error(`${name}:${i + 1}: the block is never closed`)
      blocks.push({ line: i + 1, language: fence[1]!, marker, text: `${lines.slice(i + 1, end).join('\n')}\n` })
      i = end
    }
    marker = found
  }
  return blocks
}
