// Loaded before the program (`--import`): the wall clock of the process is ahead of the machine's by what the file CLOCK_FILE
// says, in milliseconds, and jumps whenever that changes. Durations (`performance.now`, timers) go on as ever, as on a real machine.
import { readFileSync } from 'node:fs'

const file = process.env.CLOCK_FILE
let aheadMs = 0
const look = () => {
  try {
    aheadMs = Number(readFileSync(file!, 'utf8'))
  } catch {}
}
if (file !== undefined) {
  look()
  setInterval(look, 50).unref()
  const RealDate = Date
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, as) => Reflect.construct(target, args.length > 0 ? args : [target.now() + aheadMs], as),
    get: (target, key) => (key === 'now' ? () => target.now() + aheadMs : Reflect.get(target, key)),
  })
}
