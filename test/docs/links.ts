// Links between the documents: the file must be there, and so must the heading.
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** @returns the links of a document that lead nowhere. */
export async function deadLinks(markdown: string, path: string): Promise<string[]> {
  const dead: string[] = []
  const prose = markdown.replaceAll(/^```[\s\S]*?^```$/gm, '')
  for (const [, target] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target!)) continue
    const [file, heading] = target!.split('#') as [string, string?]
    const text = file === '' ? markdown : await readFile(join(dirname(path), file), 'utf8').catch(isFolder)
    if (text === undefined || (heading !== undefined && !headings(text).has(heading))) dead.push(target!)
  }
  return dead
}

function isFolder(error: NodeJS.ErrnoException): string | undefined {
  return error.code === 'EISDIR' ? '' : undefined
}

function headings(markdown: string): Set<string> {
  const found = [...markdown.matchAll(/^#+ (.+)$/gm)].map((match) => match[1]!)
  return new Set(
    found.map((text) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    ),
  )
}
