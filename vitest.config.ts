import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Forks, because onnxruntime and DuckDB are native add-ons that do not survive being torn down inside a thread.
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: './test/servers/setup.ts',
    pool: 'forks',
    // Many tests wait for a process to die or a lease to end, so two cores have work for two.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
