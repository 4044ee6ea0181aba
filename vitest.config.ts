import { defineConfig } from 'vitest/config'

const long = '**/*.long.test.ts'

export default defineConfig({
  test: {
    environment: 'node',
    // Processes rather than threads: tests may change directory, listen to signals and count async hooks.
    pool: 'forks',
    // Many tests wait for a fabric rather than compute; one worker less than there are cores would leave a machine of two half idle.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // A test that passes on the second try is a bug report, not a pass.
    retry: 0,
    slowTestThreshold: 2_000,
    projects: [
      {
        extends: true,
        // Unit tests share their processes, which saves a third of a second a file. It holds because modules keep no state of their own.
        test: { name: 'unit', include: ['src/**/*.test.ts'], exclude: [long], isolate: false },
      },
      {
        extends: true,
        // These open sockets, start processes and plant files: each has a process to itself.
        test: { name: 'whole', include: ['test/**/*.test.ts'], exclude: [long], isolate: true },
      },
    ],
  },
})
