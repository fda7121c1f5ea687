// A seat's worker as a process of its own, for models nobody here made: limited by the kernel, watched from outside, and
// killed whatever it is doing. A call costs more than in a thread, since its tensors go through a pipe.
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { asFailure, fail } from '../core/failure.ts'
import { startChild } from '../jobs/child.ts'
import { watchMemory } from '../jobs/memory-watch.ts'
import { Areas } from './areas.ts'
import { FRAME_PIPE, readFrames, writeFrame } from './frames.ts'
import { AREA_BYTES, type FromWorker, IN_AREA } from './protocol.ts'
import type { StartThread } from './thread.ts'

export interface ProcessLimits {
  /** Of one process, all it allocates. */
  readonly memoryMb: number
  /** Where each process gets an empty folder to work in. */
  readonly tempDir: string
}

const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './process.ts' : './process.js', import.meta.url)
const STDERR_TAIL = 1000
const MAX_ANSWER_BYTES = 1024 ** 3

/** @throws where the system has no room for one more process. */
function startIn(folder: string, memoryMb: number): ChildProcess {
  try {
    return startChild(ENTRY, { heapMb: memoryMb, dataMb: memoryMb, folder, niceness: 0, pipes: 1 })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

export function processStarter({ memoryMb, tempDir }: ProcessLimits): StartThread {
  return (_gpu, events) => {
    const folder = mkdtempSync(join(tempDir, 'model-process-'))
    const child = startIn(folder, memoryMb)
    const pipe = (child.stdio as readonly unknown[])[FRAME_PIPE] as Socket
    const requests = new Areas(new SharedArrayBuffer(AREA_BYTES))
    const answers = new Areas(new SharedArrayBuffer(AREA_BYTES))
    let answer = answers.usual
    let reason = ''
    let over = false
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      reason = (reason + text).slice(-STDERR_TAIL)
    })
    const unwatch = watchMemory(child.pid, memoryMb, (usedMb) => {
      reason = `it used ${Math.round(usedMb)} MB of memory; ${memoryMb} are allowed`
      child.kill('SIGKILL')
    })
    /** Nothing it says may bring this process down. */
    const hear = (message: FromWorker) => {
      try {
        events.message(message)
      } catch (error) {
        reason = `its answer cannot be read: ${asFailure(error).message}`
        child.kill('SIGKILL')
      }
    }
    child.on('message', hear)
    pipe.on('error', () => {})
    readFrames(pipe, {
      areaFor: (bytes) => {
        if (bytes <= MAX_ANSWER_BYTES) return answers.of(bytes)
        reason = `it answered ${bytes} bytes; ${MAX_ANSWER_BYTES} are taken`
        child.kill('SIGKILL')
        return undefined
      },
      packet: (area) => {
        answer = area
        hear(IN_AREA)
      },
    })
    const end = (how: string) => {
      if (over) return
      over = true
      unwatch()
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
      events.exit(fail('unavailable', 'INFERENCE_FAILED', `${how}${reason === '' ? '' : `: ${reason.trim()}`}`))
    }
    child.on('error', (error) => end(error.message))
    child.on('exit', (code, signal) => end(`its process ended with ${signal ?? code}`))
    return {
      areaFor: (bytes) => requests.of(bytes),
      get answer() {
        return answer
      },
      // A dead process is noticed by its end, not by a write to it.
      send: (order) => void (child.connected && child.send(order, () => {})),
      run: (area, bytes) => writeFrame(pipe, area.bytes.subarray(0, bytes)),
      end: () => void child.kill('SIGKILL'),
    }
  }
}
