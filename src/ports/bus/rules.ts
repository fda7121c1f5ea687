// What both back ends allow and promise in the same way: subjects, sizes, and the pause before a message comes again.
import type { BackoffOptions } from '../../core/backoff.ts'
import { fail, type MlError } from '../../core/failure.ts'
import type { BusMessage } from './index.ts'

export const DEFAULT_PREFIX = 'ml.events'
export const DUPLICATE_WINDOW_MS = 120_000
/** Default limit of a NATS server; the in-process bus keeps to it so that nothing works only there. */
export const MAX_MESSAGE_BYTES = 1024 * 1024
export const DEFAULT_REDELIVERY: BackoffOptions = { initialMs: 500, maxMs: 60_000 }

const WORD = /^[^\s.*>]{1,128}$/
const DURABLE = /^[A-Za-z0-9_-]{1,64}$/

function checkMessage(message: BusMessage, prefix: string): void {
  checkSubject(message.subject)
  if (!message.subject.startsWith(`${prefix}.`)) throw badSubject(message.subject, `must begin with "${prefix}."`)
  if (message.id === '' || /[\r\n]/.test(message.id)) throw fail('invalid', 'EVENT_ID_INVALID', 'An event needs an id')
  for (const text of Object.entries(message.headers ?? {}).flat()) {
    if (/[\r\n]/.test(text)) throw fail('invalid', 'EVENT_HEADER_INVALID', 'An event header has a line break')
  }
}

function checkSize(message: BusMessage, maxBytes: number): void {
  const headers = Object.entries(message.headers ?? {})
    .flat()
    .join('::').length
  const bytes = message.data.byteLength + headers + message.id.length + 64
  if (bytes <= maxBytes) return
  throw fail('too_large', 'EVENT_TOO_LARGE', `Event "${message.id}" has ${bytes} bytes; the bus takes ${maxBytes}`)
}

/** Those ahead of the first that may not be published, and why it may not. */
export function publishable(messages: readonly BusMessage[], prefix: string, maxBytes: number) {
  for (const [i, message] of messages.entries()) {
    try {
      checkMessage(message, prefix)
      checkSize(message, maxBytes)
    } catch (refusal) {
      return { good: messages.slice(0, i), refusal }
    }
  }
  return { good: messages, refusal: undefined }
}

export function checkPattern(pattern: string, prefix: string): void {
  checkWords(pattern)
  if (!pattern.startsWith(`${prefix}.`)) throw badSubject(pattern, `must begin with "${prefix}."`)
}

export function checkNoticeSubject(subject: string, prefix: string): void {
  checkSubject(subject)
  if (subject.startsWith(`${prefix}.`)) throw badSubject(subject, `must not begin with "${prefix}.": those are stored`)
}

export function checkNoticePattern(pattern: string): void {
  checkWords(pattern)
}

export function checkDurable(name: string | undefined): void {
  if (name === undefined || DURABLE.test(name)) return
  throw fail('invalid', 'BUS_DURABLE_INVALID', `"${name}" is no name for a subscription`)
}

/** The rules of NATS: `*` is one word, `>` is all the words that follow and at least one. */
export function matches(pattern: string, subject: string): boolean {
  const [wanted, words] = [pattern.split('.'), subject.split('.')]
  if (wanted.at(-1) === '>') {
    return words.length >= wanted.length && wanted.slice(0, -1).every((word, i) => word === '*' || word === words[i])
  }
  return words.length === wanted.length && wanted.every((word, i) => word === '*' || word === words[i])
}

function checkSubject(subject: string): void {
  if (!subject.split('.').every((word) => WORD.test(word))) throw badSubject(subject, 'is no subject')
}

function checkWords(pattern: string): void {
  const words = pattern.split('.')
  const last = words.length - 1
  if (words.every((word, i) => WORD.test(word) || word === '*' || (word === '>' && i === last))) return
  throw badSubject(pattern, 'is no pattern of subjects')
}

function badSubject(subject: string, problem: string): MlError {
  return fail('invalid', 'BUS_SUBJECT_INVALID', `${JSON.stringify(subject.slice(0, 200))} ${problem}`)
}
