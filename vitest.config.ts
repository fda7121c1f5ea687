import { defineConfig } from 'vitest/config'

// Forks, because onnxruntime and DuckDB are native add-ons that do not survive being torn down inside a thread.
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: './test/servers/setup.ts',
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
