// The thread that owns the embedded database. It answers strictly in the order of the messages; a statement blocks this
// thread and no other.
import { existsSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { DurableFolder, startParams } from './durable-folder.ts'
import { copyDurably } from './folders.ts'
import { type FromWorker, queryMessage, type ToWorker, type WorkerOptions } from './protocol.ts'

const { dataDir, templateDir } = workerData as WorkerOptions
const port = parentPort!

function reply(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

async function open(): Promise<PGlite> {
  if (templateDir !== undefined && !existsSync(dataDir)) await copyDurably(templateDir, dataDir, 'owner')
  const database = new PGlite({
    fs: new DurableFolder(dataDir),
    startParams: startParams(PGlite.defaultStartParams),
  })
  await database.waitReady
  return database
}

/**
 * Every request ends with a Sync or is a simple query, so every answer ends with ReadyForQuery. PGlite that ran out of
 * stack or memory answers with less, and nothing it says afterwards can be trusted: the thread has to be started again.
 */
function endsReady(bytes: Uint8Array): boolean {
  return bytes.length >= 6 && bytes[bytes.length - 6] === 0x5a && bytes[bytes.length - 2] === 5
}

function answer(database: PGlite, message: ToWorker): void {
  if (message.kind === 'bytes') {
    // Copied: the result is a view of a buffer that the next statement overwrites.
    const bytes = new Uint8Array(database.execProtocolRawSync(message.bytes))
    if (!endsReady(bytes)) throw new Error('it did not finish a statement')
    reply({ kind: 'bytes', session: message.session, bytes }, [bytes.buffer])
  } else if (message.kind === 'reset') {
    for (const text of ['rollback', 'discard all']) database.execProtocolRawSync(queryMessage(text))
    reply({ kind: 'reset', session: message.session })
  } else {
    void database.close().then(() => reply({ kind: 'closed' }))
  }
}

try {
  const database = await open()
  port.on('message', (message: ToWorker) => answer(database, message))
  reply({ kind: 'ready' })
} catch (error) {
  reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
}
