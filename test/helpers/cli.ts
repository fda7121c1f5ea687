// The command line, run inside the test: the same `runCli` and host that main.ts uses, with what they write caught.
import { createCliHost } from '../../src/app/cli-host.ts'
import { runCli } from '../../src/cli/index.ts'

export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
  /** Standard output as JSON; throws where it is not one document. */
  readonly json: Record<string, unknown>
}

export async function cli(...argv: readonly string[]): Promise<Said> {
  const said = { out: '', err: '' }
  const { stdout, stderr } = process
  const real = [stdout.write, stderr.write] as const
  const into = (stream: keyof typeof said) =>
    ((chunk: string | Uint8Array) => {
      said[stream] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
      return true
    }) as typeof stdout.write
  stdout.write = into('out')
  stderr.write = into('err')
  try {
    const code = await runCli(argv, createCliHost())
    // Not enumerable, so that a failed comparison of something else can be printed.
    const get = () => JSON.parse(said.out) as Record<string, unknown>
    return Object.defineProperty({ code, ...said }, 'json', { get }) as Said
  } finally {
    stdout.write = real[0]
    stderr.write = real[1]
  }
}
