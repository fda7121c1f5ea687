// Listens to the events of one tenant on NATS, from before the first to after the last.
import type { MlEvent } from '../../src/contract/service.ts'
import { silentLog } from '../../src/core/log.ts'
import { openBus } from '../../src/ports/bus/open.ts'

export interface BusFollower extends AsyncDisposable {
  /** By id; a second delivery must bring the same. */
  readonly delivered: ReadonlyMap<string, MlEvent>
}

export async function followBus(url: string, tenantId: string): Promise<BusFollower> {
  const bus = await openBus({ url, name: 'e2e', log: silentLog })
  const delivered = new Map<string, MlEvent>()
  await bus.subscribe(`ml.events.${tenantId}`, async ({ id, data }) => {
    const event = JSON.parse(new TextDecoder().decode(data)) as MlEvent
    const before = delivered.get(event.id)
    if (before && JSON.stringify(before) !== JSON.stringify(event)) throw new Error(`Event ${id} came in two versions`)
    delivered.set(event.id, event)
  })
  return { delivered, [Symbol.asyncDispose]: () => bus.close() }
}
