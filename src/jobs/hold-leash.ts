// Called in a child process: it ends the moment its parent is gone, whatever it is doing then (leash.ts).
import { Worker } from 'node:worker_threads'

export function holdLeash(): void {
  const leash = new Worker(new URL(import.meta.url.endsWith('.ts') ? './leash.ts' : './leash.js', import.meta.url))
  leash.unref()
}
