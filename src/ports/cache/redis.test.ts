import { expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { openRedisCache } from './redis.ts'

it.each(['redis://127.0.0.1:1/name', 'redis://127.0.0.1:1/1e400'])(
  'an address with a database that is no number is refused: %s',
  (url) => {
    expect(() => openRedisCache({ url, log: silentLog })).toThrow('number of a database')
  },
)
