import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { refusal } from '../../test/helpers/failing.ts'
import { fail } from '../core/failure.ts'
import type { Database, Tx } from '../ports/db/index.ts'
import { hurriedDatabase } from './hurried.ts'

const TX = {} as Tx
const LIMIT_MS = 30
const REST_MS = 200
const RESTING = { kind: 'unavailable', details: { resting: true } }

/** Answers as it is told to; a database itself neither hangs nor goes away when it is asked to. */
function aDatabase() {
  const told = { how: (): Promise<void> => Promise.resolve(), asked: 0 }
  const tenant = async <T>(_: string, work: (tx: Tx) => Promise<T>) => {
    told.asked++
    await told.how()
    return work(TX)
  }
  const db = hurriedDatabase({ tenant } as unknown as Database, LIMIT_MS, REST_MS)
  return { told, ask: () => db.tenant('acme', async (tx) => tx) }
}

const hang = () => new Promise<void>(() => {})

describe('a hurried database', () => {
  it('gives up what takes too long, and asks nothing for a moment', async () => {
    const { told, ask } = aDatabase()
    expect(await ask()).toBe(TX)
    told.how = hang
    expect(await refusal(ask())).toMatchObject({ kind: 'unavailable', code: 'DATABASE_TIMEOUT' })
    expect(await refusal(ask())).toMatchObject(RESTING)
    expect(told.asked).toBe(2)
  })

  it('is tried by one at a time, and used by all again once one was answered', async () => {
    const { told, ask } = aDatabase()
    told.how = () => Promise.reject(fail('unavailable', 'DATABASE_UNAVAILABLE', 'refused'))
    expect(await refusal(ask())).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    await sleep(REST_MS + 50)
    const { promise, resolve } = Promise.withResolvers<void>()
    told.how = () => promise
    const trying = ask()
    expect(await refusal(ask())).toMatchObject(RESTING)
    resolve()
    expect(await trying).toBe(TX)
    expect(await Promise.all([ask(), ask()])).toEqual([TX, TX])
  })

  it('is asked on after a failure that is not an outage', async () => {
    const { told, ask } = aDatabase()
    told.how = () => Promise.reject(fail('not_found', 'ENTITY_TYPE_NOT_FOUND', 'none'))
    for (let i = 0; i < 2; i++) expect(await refusal(ask())).toMatchObject({ code: 'ENTITY_TYPE_NOT_FOUND' })
  })
})
