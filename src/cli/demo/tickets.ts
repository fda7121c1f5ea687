// The sample of support tickets: a title and a description from which the priority is to be read. Written from phrases of
// each priority mixed with phrases that say nothing, so that the words matter and no single one decides.
import { type Random, seededRandom } from '../../core/random.ts'

export interface Ticket extends Record<string, unknown> {
  readonly ticket_title: string
  readonly ticket_description: string
  readonly priority: 'critical' | 'high' | 'low'
}

const SUBJECTS = [
  'server',
  'database',
  'mail',
  'printer',
  'laptop',
  'invoice export',
  'login page',
  'VPN',
  'wiki',
  'dashboard',
]
const PLACES = ['Berlin office', 'warehouse', 'finance team', 'support desk', 'test environment', 'web shop']
const FILLERS = [
  'It started this morning.',
  'Several colleagues asked about it.',
  'I have attached a screenshot.',
  'We use the standard setup.',
  'Nothing was changed on our side.',
  'Thank you for looking into it.',
]

const PHRASES = {
  critical: {
    titles: ['{subject} down', 'Outage of {subject}', '{subject} not responding', 'Data loss on {subject}'],
    sentences: [
      'Production {subject} is not responding.',
      'All customers are affected and orders are lost.',
      'The {place} cannot work at all.',
      'Every request ends in an error.',
      'We are losing money every minute.',
    ],
  },
  high: {
    titles: ['{subject} very slow', '{subject} fails sometimes', 'Errors in {subject}', 'Cannot open {subject}'],
    sentences: [
      'The {subject} fails for some users in the {place}.',
      'There is a workaround, but it takes much time.',
      'It answers only after several minutes.',
      'Part of the {place} cannot finish the work in time.',
      'A deadline is at risk.',
    ],
  },
  low: {
    titles: ['Question about {subject}', 'New {subject} wanted', 'Typo in {subject}', 'How to use {subject}'],
    sentences: [
      'Could you explain how the {subject} works?',
      'It would be nice to have a new {subject} for the {place}.',
      'There is a small typo, nothing urgent.',
      'Please add this whenever you have time.',
      'I would like to request access for a colleague.',
    ],
  },
} as const

const COUNT = 900
/** Share of tickets with a sentence of another priority in them. */
const MIXED = 0.25

export function sampleTickets(): Ticket[] {
  const random = seededRandom(7)
  const priorities = Object.keys(PHRASES) as Ticket['priority'][]
  return Array.from({ length: COUNT }, () => ticket(random, pick(priorities, random)))
}

function ticket(random: Random, priority: Ticket['priority']): Ticket {
  const { titles, sentences } = PHRASES[priority]
  const fill = (text: string) =>
    text.replaceAll('{subject}', pick(SUBJECTS, random)).replaceAll('{place}', pick(PLACES, random))
  const parts = [pick(sentences, random), pick(FILLERS, random), pick(sentences, random)]
  if (random.next() < MIXED)
    parts.push(pick(PHRASES[pick(['critical', 'high', 'low'] as const, random)].sentences, random))
  const title = fill(pick(titles, random))
  return {
    ticket_title: title.charAt(0).toUpperCase() + title.slice(1),
    ticket_description: parts.map(fill).join(' '),
    priority,
  }
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[random.integer(items.length)]!
}
