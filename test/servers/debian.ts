// Installing what is missing from Debian's packages, as root. A temporary policy-rc.d keeps the packages from starting
// their services: there may be no init system here, and the tests start servers of their own.
import { spawn } from 'node:child_process'
import { access, rm, writeFile } from 'node:fs/promises'
import { findProgram, isRoot } from './process.ts'

const POLICY = '/usr/sbin/policy-rc.d'
const LOCK_WAIT = ['-o', 'DPkg::Lock::Timeout=300']
let updated: Promise<void> | undefined
let queue: Promise<unknown> = Promise.resolve()

export function canInstall(): boolean {
  return isRoot && findProgram('apt-get') !== undefined
}

/** One installation at a time, whoever asks. */
export function install(packages: readonly string[]): Promise<void> {
  const next = queue.then(() => installNow(packages))
  queue = next.catch(() => {})
  return next
}

async function installNow(packages: readonly string[]): Promise<void> {
  updated ??= apt(['update'])
  await updated
  const ours = await access(POLICY).then(
    () => false,
    () => true,
  )
  if (ours) await writeFile(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await apt(['install', '-y', '--no-install-recommends', ...packages])
  } finally {
    if (ours) await rm(POLICY, { force: true })
  }
}

async function apt(words: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const child = spawn('apt-get', ['-q', ...LOCK_WAIT, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`apt-get ${words.join(' ')} ended with ${code}:\n${output.slice(-2000)}`)
}
