// What a request costs before anybody knows whether it is any good.
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
