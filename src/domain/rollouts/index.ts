// Roll-outs: how two versions compare, and when one of them has to go.
export { getRollout } from './report.ts'
export { RolloutWatch } from './watch.ts'
