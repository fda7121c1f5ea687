// What both back ends of the bus port promise.
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { aMessage, backends, collector, textOf } from './bus-backends.ts'

for (const backend of backends) {
  describe.skipIf(backend.missing)(`the bus, ${backend.name}`, () => {
    it('delivers what is published, with its id, headers and time, in order', async () => {
      await using place = await backend.open()
      const seen = collector()
      await place.bus.subscribe(`${place.prefix}.model.*`, seen.handler)
      await place.bus.publish({ ...aMessage(`${place.prefix}.model.promoted`, 'one'), headers: { tenant: 'a b' } })
      for (const text of ['two', 'three']) await place.bus.publish(aMessage(`${place.prefix}.model.deployed`, text))
      await seen.received(3)
      expect(seen.texts()).toEqual(['one', 'two', 'three'])
      expect(seen.messages[0]).toMatchObject({
        subject: `${place.prefix}.model.promoted`,
        headers: { tenant: 'a b' },
        attempt: 1,
        time: expect.any(Date),
        id: expect.stringMatching(/^m\d+$/),
      })
    })

    it('stores the same id once', async () => {
      await using place = await backend.open()
      const seen = collector()
      await place.bus.subscribe(`${place.prefix}.>`, seen.handler)
      const message = aMessage(`${place.prefix}.a`, 'once')
      await Promise.all([place.bus.publish(message), place.bus.publish(message)])
      await place.bus.publish(message)
      await place.bus.publish(aMessage(`${place.prefix}.a`, 'last'))
      await seen.received(2)
      expect(seen.texts()).toEqual(['once', 'last'])
    })

    it('stores many at once in their order, and says at which one it ended', async () => {
      await using place = await backend.open()
      const seen = collector()
      await place.bus.subscribe(`${place.prefix}.>`, seen.handler)
      const messages = Array.from({ length: 1500 }, (_, i) => aMessage(`${place.prefix}.t${i % 3}`, String(i)))
      const large = { ...aMessage(`${place.prefix}.a`), data: Buffer.alloc(1024 * 1024) }
      const first = await place.bus.publishInOrder([...messages.slice(0, 700), large, ...messages.slice(700)])
      expect(first).toMatchObject({ count: 700, error: { code: 'EVENT_TOO_LARGE' } })
      expect(await place.bus.publishInOrder(messages)).toEqual({ count: 1500, error: undefined })
      await seen.received(1500)
      expect(seen.texts()).toEqual(messages.map(textOf))
    })

    it('takes a backlog in the order it was published in while new messages come', async () => {
      await using place = await backend.open()
      const [durable, fresh] = [collector(), collector()]
      const texts = Array.from({ length: 400 }, (_, i) => String(i))
      const messages = texts.map((text) => aMessage(`${place.prefix}.a`, text))
      await place.bus.publishInOrder(messages.slice(0, 300))
      const from = new Date(Date.now() - 60_000)
      await place.bus.subscribe(`${place.prefix}.>`, durable.handler, { durable: 'hooks', from })
      await place.bus.subscribe(`${place.prefix}.>`, fresh.handler, { from })
      for (const message of messages.slice(300)) await place.bus.publish(message)
      await Promise.all([durable.received(400), fresh.received(400)])
      expect(durable.texts()).toEqual(texts)
      expect(fresh.texts()).toEqual(texts)
    })

    it('matches one word with * and the rest with >', async () => {
      await using place = await backend.open()
      const [one, rest] = [collector(), collector()]
      await place.bus.subscribe(`${place.prefix}.*.done`, one.handler)
      await place.bus.subscribe(`${place.prefix}.a.>`, rest.handler)
      for (const subject of ['a.done', 'b.done', 'a.b.done', 'a', 'a.x'])
        await place.bus.publish(aMessage(`${place.prefix}.${subject}`, subject))
      await Promise.all([one.received(2), rest.received(3)])
      expect(one.texts()).toEqual(['a.done', 'b.done'])
      expect(rest.texts()).toEqual(['a.done', 'a.b.done', 'a.x'])
    })

    it('delivers again, later, what a handler failed on, and goes on meanwhile', async () => {
      await using place = await backend.open()
      const seen = collector()
      await place.bus.subscribe(`${place.prefix}.>`, async (message) => {
        await seen.handler(message)
        if (textOf(message) === 'hard' && message.attempt < 3) throw new Error('not yet')
      })
      await place.bus.publish(aMessage(`${place.prefix}.a`, 'hard'))
      await place.bus.publish(aMessage(`${place.prefix}.a`, 'easy'))
      await seen.received(4)
      expect(seen.texts().toSorted()).toEqual(['easy', 'hard', 'hard', 'hard'])
      expect(seen.messages.filter((m) => textOf(m) === 'hard').map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    })

    it('begins with what is new unless a time is given', async () => {
      await using place = await backend.open()
      await place.bus.publish(aMessage(`${place.prefix}.a`, 'old'))
      const [fresh, all] = [collector(), collector()]
      await place.bus.subscribe(`${place.prefix}.>`, fresh.handler)
      await place.bus.subscribe(`${place.prefix}.>`, all.handler, { from: new Date(Date.now() - 60_000) })
      await place.bus.publish(aMessage(`${place.prefix}.a`, 'new'))
      await Promise.all([fresh.received(1), all.received(2)])
      expect(fresh.texts()).toEqual(['new'])
      expect(all.texts()).toEqual(['old', 'new'])
    })

    it('keeps the place of a durable subscription while nobody listens', async () => {
      await using place = await backend.open()
      const [first, second] = [collector(), collector()]
      const one = await place.bus.subscribe(`${place.prefix}.>`, first.handler, { durable: 'hooks' })
      await place.bus.publish(aMessage(`${place.prefix}.a`, 'one'))
      await first.received(1)
      await one.close()
      await place.bus.publish(aMessage(`${place.prefix}.a`, 'two'))
      await place.bus.subscribe(`${place.prefix}.>`, second.handler, { durable: 'hooks' })
      await second.received(1)
      expect(second.texts()).toEqual(['two'])
    })

    it('hands back at once what a closing subscription had not begun', async () => {
      await using place = await backend.open()
      const { promise: held, resolve: release } = Promise.withResolvers<void>()
      const [first, second] = [collector(), collector()]
      const slow = await place.bus.subscribe(
        `${place.prefix}.>`,
        async (message) => {
          await first.handler(message)
          await held
        },
        { durable: 'hooks' },
      )
      for (const text of ['one', 'two', 'three']) await place.bus.publish(aMessage(`${place.prefix}.a`, text))
      await first.received(1)
      const closing = slow.close()
      release()
      await closing
      await place.bus.subscribe(`${place.prefix}.>`, second.handler, { durable: 'hooks' })
      await second.received(2)
      expect(first.texts()).toEqual(['one'])
      expect(second.texts().toSorted()).toEqual(['three', 'two'])
    })

    it('shares the messages of one durable name and copies to different ones', async () => {
      await using place = await backend.open()
      const [a, b, other] = [collector(), collector(), collector()]
      await place.bus.subscribe(`${place.prefix}.>`, a.handler, { durable: 'shared' })
      await place.bus.subscribe(`${place.prefix}.>`, b.handler, { durable: 'shared' })
      await place.bus.subscribe(`${place.prefix}.>`, other.handler, { durable: 'other' })
      const texts = Array.from({ length: 60 }, (_, i) => String(i))
      for (const text of texts) await place.bus.publish(aMessage(`${place.prefix}.a`, text))
      await other.received(60)
      while (a.messages.length + b.messages.length < 60) await sleep(10)
      expect([...a.texts(), ...b.texts()].toSorted()).toEqual(texts.toSorted())
      expect(other.texts()).toEqual(texts)
    })

    it('ends a subscription by close and by signal, and counts those that are open', async () => {
      await using place = await backend.open()
      const seen = collector()
      const stop = new AbortController()
      const one = await place.bus.subscribe(`${place.prefix}.>`, seen.handler)
      await place.bus.subscribe(`${place.prefix}.>`, seen.handler, { signal: stop.signal })
      const three = await place.bus.onNotify('wake.>', () => {})
      expect(place.bus.status()).toMatchObject({ connected: true, subscriptions: 3 })
      await one.close()
      await three.close()
      stop.abort()
      expect(place.bus.status().subscriptions).toBe(0)
      await place.bus.publish(aMessage(`${place.prefix}.a`))
      const last = collector()
      await place.bus.subscribe(`${place.prefix}.>`, last.handler, { from: new Date(Date.now() - 60_000) })
      await last.received(1)
      expect(seen.messages).toEqual([])
    })

    it('waits on close for the handler that is running', async () => {
      await using place = await backend.open()
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
      let finished = false
      const subscription = await place.bus.subscribe(`${place.prefix}.>`, async () => {
        begin()
        await sleep(50)
        finished = true
      })
      await place.bus.publish(aMessage(`${place.prefix}.a`))
      await begun
      await subscription.close()
      expect(finished).toBe(true)
    })

    it('wakes every listener with a notice and keeps none for later ones', async () => {
      await using place = await backend.open()
      const [a, b] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
      const subject = `wake-${place.prefix}.deployments`
      await place.bus.onNotify(subject, (notice) => a.resolve(`${notice.subject} ${textOf(notice)}`))
      await place.bus.onNotify(`wake-${place.prefix}.*`, (notice) => b.resolve(textOf(notice)))
      await place.bus.notify(subject, Buffer.from('7'))
      expect(await Promise.all([a.promise, b.promise])).toEqual([`${subject} 7`, '7'])
      const late: string[] = []
      const { promise: said, resolve: say } = Promise.withResolvers<void>()
      await place.bus.onNotify(subject, (notice) => {
        late.push(textOf(notice))
        say()
      })
      await place.bus.notify(subject, Buffer.from('8'))
      await said
      expect(late).toEqual(['8'])
    })

    it('survives handlers of notices that throw', async () => {
      await using place = await backend.open()
      const { promise: heard, resolve } = Promise.withResolvers<void>()
      let count = 0
      await place.bus.onNotify(`wake-${place.prefix}`, () => {
        if (++count === 2) resolve()
        throw new Error('handler')
      })
      await place.bus.notify(`wake-${place.prefix}`, Buffer.from('1'))
      await place.bus.notify(`wake-${place.prefix}`, Buffer.from('2'))
      await heard
    })

    it('refuses subjects that are none, or lie on the wrong side of the prefix', async () => {
      await using place = await backend.open()
      const { bus, prefix } = place
      const invalid = { kind: 'invalid', code: 'BUS_SUBJECT_INVALID' }
      for (const subject of ['', 'elsewhere.a', `${prefix}.`, `${prefix}.a b`, `${prefix}.*`, `${prefix}.>`, prefix])
        await expect(bus.publish(aMessage(subject)), subject).rejects.toMatchObject(invalid)
      for (const pattern of ['', 'elsewhere.>', `${prefix}.>.a`, `${prefix}..a`, '>'])
        await expect(
          bus.subscribe(pattern, async () => {}),
          pattern,
        ).rejects.toMatchObject(invalid)
      await expect(bus.notify(`${prefix}.a`, Buffer.from(''))).rejects.toMatchObject(invalid)
      await expect(bus.subscribe(`${prefix}.>`, async () => {}, { durable: 'a.b' })).rejects.toMatchObject({
        kind: 'invalid',
      })
    })

    it('refuses a message that is too large', async () => {
      await using place = await backend.open()
      const large = { ...aMessage(`${place.prefix}.a`), data: Buffer.alloc(1024 * 1024) }
      await expect(place.bus.publish(large)).rejects.toMatchObject({ kind: 'too_large', code: 'EVENT_TOO_LARGE' })
    })

    it('keeps a copy of the bytes it was given', async () => {
      await using place = await backend.open()
      const seen = collector()
      const data = Buffer.from('before')
      await place.bus.publish({ ...aMessage(`${place.prefix}.a`), data })
      data.write('after!')
      await place.bus.subscribe(`${place.prefix}.>`, seen.handler, { from: new Date(Date.now() - 60_000) })
      await seen.received(1)
      expect(seen.texts()).toEqual(['before'])
    })

    it('answers a ping while it is open and not afterwards', async () => {
      await using place = await backend.open()
      await place.bus.ping()
      await place.bus.close()
      await expect(place.bus.ping()).rejects.toMatchObject({ kind: 'unavailable' })
      await expect(place.bus.publish(aMessage(`${place.prefix}.a`))).rejects.toMatchObject({ kind: 'unavailable' })
    })
  })
}
