import { expect, it } from 'vitest'
import { readNatsUrl } from './nats-address.ts'

it.each([
  ['nats://one:4222', { servers: ['one:4222'] }],
  ['nats://one', { servers: ['one'] }],
  ['nats://ann:p%40ss@one:4222, nats://two', { servers: ['one:4222', 'two'], user: 'ann', pass: 'p@ss' }],
  ['nats://secret@one', { servers: ['one'], token: 'secret' }],
  ['tls://one:4222', { servers: ['one:4222'], tls: {} }],
  ['wss://one:443', { servers: ['wss://one'] }],
])('%s is read', (text, options) => {
  expect(readNatsUrl(text, 'NATS_URL').options).toEqual(options)
})

it.each(['one:4222', 'http://one', 'nats://ann:100%@one', ''])('%j is refused by the name of its setting', (text) => {
  expect(() => readNatsUrl(text, 'url')).toThrow(/^url/)
})
