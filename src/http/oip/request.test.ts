// What is read of a request, and what is refused before it costs or changes anything.
import { expect, it } from 'vitest'
import { readRequest } from './request.ts'

const BEYOND = '9007199254740993'

function whole(count: number): Buffer {
  const data = new Array<string>(count).fill(BEYOND).join()
  return Buffer.from(`{"inputs":[{"name":"x","datatype":"INT64","shape":[${count}],"data":[${data}]}]}`)
}

it('keeps the last digit of whole numbers beyond 2^53', () => {
  expect(readRequest(whole(2), undefined).inputs.x!.data).toEqual(BigInt64Array.of(BigInt(BEYOND), BigInt(BEYOND)))
})

it('refuses more of them than can be read without holding up others, and says what to do', () => {
  expect(() => readRequest(whole(300_000), undefined)).toThrow(/4 MiB of JSON; send them as binary data/)
})

const texts = (parameters: string, data: string) =>
  Buffer.from(`{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"data":[${data}]}]${parameters}}`)

it('refuses half a surrogate pair, which would become another character', () => {
  expect(() => readRequest(texts('', '"\\ud800"'), undefined)).toThrow(/half a surrogate pair at element 0/)
  expect(readRequest(texts('', '"\\ud83d\\ude00"'), undefined).inputs.x!.data).toEqual(['😀'])
})

it('refuses a wish for binary outputs that is neither true nor false', () => {
  const wish = (value: string) => () =>
    readRequest(texts(`,"parameters":{"binary_data_output":${value}}`, '"a"'), undefined)
  expect(wish('"yes"')).toThrow(/"binary_data_output" must be true or false/)
  expect(wish('true')().binaryOutputs).toBe(true)
})
