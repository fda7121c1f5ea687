import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { measured } from './measured.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

it('a body flows by without being kept, also where it may be aborted', async () => {
  const chunks: WeakRef<Uint8Array>[] = []
  async function* source() {
    for (let i = 0; i < 50; i++) {
      const chunk = new Uint8Array(1000)
      chunks.push(new WeakRef(chunk))
      yield chunk
    }
    await new Promise(setImmediate)
    collect()
    expect(chunks.filter((chunk) => chunk.deref() !== undefined).length).toBeLessThan(10)
  }
  const body = measured(source(), { signal: new AbortController().signal })
  for await (const _ of body.chunks);
  expect(body.result().size).toBe(50_000)
})

it('a body ends when it is aborted while its source is silent, or between two chunks', async () => {
  async function* source() {
    yield new Uint8Array(1)
    await new Promise(() => {})
  }
  for (const when of ['between', 'silent']) {
    const stop = new AbortController()
    const { chunks } = measured(source(), { signal: stop.signal })
    const reader = chunks[Symbol.asyncIterator]()
    await reader.next()
    if (when === 'between') stop.abort(new Error('enough'))
    const next = reader.next()
    if (when === 'silent') setImmediate(() => stop.abort(new Error('enough')))
    await expect(next).rejects.toThrow('enough')
  }
})
