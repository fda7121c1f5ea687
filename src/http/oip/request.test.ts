// What is read of a request, and what is refused before it costs or changes anything.
import { expect, it } from 'vitest'
import { readRequest } from './request.ts'

const BEYOND = '9007199254740993'

function whole(count: number): Buffer {
  const data = new Array<string>(count).fill(BEYOND).join()
  return Buffer.from(`{"inputs":[{"name":"x","datatype":"INT64","shape":[${count}],"data":[${data}]}]}`)
}

it('keeps the last digit of whole numbers beyond 2^53', async () => {
  expect((await readRequest(whole(2), undefined)).inputs.x!.data).toEqual(
    BigInt64Array.of(BigInt(BEYOND), BigInt(BEYOND)),
  )
})

it('refuses more of them than can be read without holding up others, and says what to do', async () => {
  await expect(readRequest(whole(300_000), undefined)).rejects.toThrow(/4 MiB of JSON; send them as binary data/)
})

it('lets others have their turn while it reads long tensors, with raw ones behind them', async () => {
  const data = Array.from({ length: 700_000 }, (_, i) => i / 8)
  const inputs = [
    { name: 'x', datatype: 'FP64', shape: [data.length], data },
    { name: 'y', datatype: 'INT8', shape: [2], parameters: { binary_data_size: 2 } },
  ]
  const json = Buffer.from(JSON.stringify({ id: 'long', inputs }))
  expect(json.length).toBeGreaterThan(4 * 1024 * 1024)
  let turns = 0
  const count = setInterval(() => turns++, 0)
  const { id, inputs: read } = await readRequest(Buffer.concat([json, Uint8Array.of(1, 2)]), json.length)
  clearInterval(count)
  expect([id, read.x!.data.length, read.x!.data.at(-1), [...read.y!.data]]).toEqual([
    'long',
    700_000,
    699_999 / 8,
    [1, 2],
  ])
  expect(turns).toBeGreaterThan(3)
})

const texts = (parameters: string, data: string) =>
  Buffer.from(`{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"data":[${data}]}]${parameters}}`)

it('refuses half a surrogate pair, which would become another character', async () => {
  expect(() => readRequest(texts('', '"\\ud800"'), undefined)).toThrow(/half a surrogate pair at element 0/)
  expect((await readRequest(texts('', '"\\ud83d\\ude00"'), undefined)).inputs.x!.data).toEqual(['😀'])
})

it('refuses a wish for binary outputs that is neither true nor false', async () => {
  const wish = (value: string) => () =>
    readRequest(texts(`,"parameters":{"binary_data_output":${value}}`, '"a"'), undefined)
  expect(wish('"yes"')).toThrow(/"binary_data_output" must be true or false/)
  expect((await wish('true')()).binaryOutputs).toBe(true)
})

it('takes no longer time than a model may have, or a worker would be kept from all others', async () => {
  const timeoutMs = async (timeout: number) =>
    (await readRequest(texts(`,"parameters":{"timeout":${timeout}}`, '"a"'), undefined)).timeoutMs
  expect(await timeoutMs(0)).toBeUndefined()
  expect(await timeoutMs(1500)).toBe(1.5)
  expect(await timeoutMs(2 ** 53 - 1)).toBe(600_000)
})
