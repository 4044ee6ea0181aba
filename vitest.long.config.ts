import { defineConfig } from 'vitest/config'

/** Soak runs, wide seed sweeps and large clusters: too slow for every change, so `npm run test:long` runs them. */
export default defineConfig({
  test: {
    include: ['src/**/*.long.test.ts', 'test/**/*.long.test.ts'],
    environment: 'node',
    pool: 'forks',
    testTimeout: 600_000,
    hookTimeout: 60_000,
    retry: 0,
    // Long tests measure and load the machine: side by side they would disturb each other.
    fileParallelism: false,
    passWithNoTests: true,
  },
})
