// Runs on a thread of an isolated child and ends the whole process the moment its parent is gone. The pipe on descriptor 4
// closes then, even after kill -9; the main thread might be in a synchronous loop and would hear of it minutes later.
import { Socket } from 'node:net'

const PARENT_PIPE = 4

const pipe = new Socket({ fd: PARENT_PIPE, readable: true, writable: false })
pipe.on('error', () => {})
pipe.on('close', () => process.kill(process.pid, 'SIGKILL'))
pipe.resume()
