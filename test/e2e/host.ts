// A machine of its own for a process: a network namespace with a cable to this one, which can be pulled. The process beyond it sees
// what a host sees whose switch has gone: nothing is refused, nothing arrives. Only where namespaces may be made, thus as root on Linux.
import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'

export interface Host extends Disposable {
  /** Of this machine, as seen from there. */
  readonly address: string
  /** What a command line begins with that is to run there. */
  readonly command: readonly string[]
  pull(): void
  plugIn(): void
}

const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'ignore' })
/** Four addresses for each host, in a range that nobody routes to. */
const HOSTS = 1 << 14

/** Undefined where it cannot be made. */
export function makeHost(): Host | undefined {
  const number = randomInt(HOSTS)
  const name = `ml-${process.pid}-${number}`
  const [here, there] = [`mla${number}`, `mlb${number}`]
  const [ours, theirs] = [1, 2].map((last) => `10.77.${number >> 6}.${((number & 63) << 2) + last}`)
  try {
    ip('netns', 'add', name)
  } catch {
    return undefined
  }
  try {
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name)
    ip('addr', 'add', `${ours}/30`, 'dev', here)
    ip('link', 'set', here, 'up')
    ip('-n', name, 'addr', 'add', `${theirs}/30`, 'dev', there)
    ip('-n', name, 'link', 'set', there, 'up')
    ip('-n', name, 'link', 'set', 'lo', 'up')
  } catch {
    ip('netns', 'del', name)
    return undefined
  }
  return {
    address: ours!,
    command: ['ip', 'netns', 'exec', name],
    pull: () => void ip('link', 'set', here, 'down'),
    plugIn: () => void ip('link', 'set', here, 'up'),
    [Symbol.dispose]: () => void ip('netns', 'del', name),
  }
}
