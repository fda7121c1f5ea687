// Graphs for learners, run in the calling thread: for the training child process, which is there for nothing else.
import type { GraphEngine } from '../ml/engine.ts'
import { openSession } from './in-process.ts'

export const graphEngine: GraphEngine = {
  async open(model) {
    const session = await openSession(model)
    return {
      run: async (feeds, fetches) => (await session.run(feeds, { fetches })).outputs,
      close: () => session.close(),
    }
  },
}
