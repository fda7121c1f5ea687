// Runs a document: its marked `sh` blocks in one shell, its marked `ts` blocks one by one, in the order of the page, each
// compared with the output block behind it.
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Block } from './blocks.ts'
import { difference } from './compare.ts'
import { SHOWN_URL, type Workplace } from './workplace.ts'

export interface Document {
  readonly name: string
  readonly blocks: readonly Block[]
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export function hasRuns({ blocks }: Document): boolean {
  return blocks.some(({ marker }) => marker === 'run')
}

/** @throws Error naming the line of the first block that fails or answers something else than the document shows. */
export async function runDocument({ name, blocks }: Document, place: Workplace, url: string): Promise<void> {
  let last: { readonly block: Block; readonly ended: Ended } | undefined
  for (const block of blocks) {
    const where = `${name}:${block.line}`
    if (block.marker === 'output') {
      if (!last) throw new Error(`${where}: there is no block before this output`)
      const found = difference(block.text, last.ended.stdout)
      if (found) throw new Error(`${where}: the block at line ${last.block.line} answers something else\n${found}`)
      continue
    }
    if (block.marker !== 'run') continue
    const text = block.text.replaceAll(SHOWN_URL, url)
    const ended = block.language === 'ts' ? await runProgram(text, block, place) : await runShell(text, place)
    if (ended.code !== 0) {
      throw new Error(`${where}: the block ended with ${ended.code}\n${block.text}\n${ended.stdout}\n${ended.stderr}`)
    }
    last = { block, ended }
  }
}

/** What a block sets is there for the next one, as in the reader's own shell. */
const STATE = '.shell-state'

function runShell(text: string, { folder, env }: Workplace): Promise<Ended> {
  const script = `set -euo pipefail\n[ ! -f ${STATE} ] || . ./${STATE}\n${text}\ndeclare -p | grep -v '^declare -[a-z]*r' > "${folder}/${STATE}"\n`
  return end('bash', ['-c', script], { cwd: folder, env })
}

async function runProgram(text: string, block: Block, { folder, env }: Workplace): Promise<Ended> {
  const file = `block-${block.line}.ts`
  await writeFile(join(folder, file), text)
  return end(process.execPath, [file], { cwd: folder, env })
}

/** Every `ts` block of the documents must type-check, run or not. @returns the compiler's errors, a line each. */
export async function typeErrors(documents: readonly Document[], { folder, env }: Workplace): Promise<string[]> {
  for (const { name, blocks } of documents) {
    const stem = name.replaceAll(/[^A-Za-z0-9]+/g, '-')
    for (const { language, text, line } of blocks) {
      // `export {}` keeps the names of one block out of the others.
      if (language === 'ts') await writeFile(join(folder, `${stem}-line-${line}.ts`), `${text}\nexport {}\n`)
    }
  }
  const { code, stdout, stderr } = await end('tsc', ['-p', '.', '--pretty', 'false'], { cwd: folder, env })
  if (code === 0) return []
  return `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !line.startsWith(' '))
}

interface Where {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

function end(command: string, words: readonly string[], where: Where): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { ...where, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk) => (stdout += chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
