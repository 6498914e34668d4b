import { defineConfig } from 'vitest/config'

// Tests run against the built `dist/` (through the `#src/*` import map), because worker threads load
// built JavaScript and a second copy of a module transformed by the runner would not be the one under test.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/soak/**'],
    pool: 'forks',
    // Most tests wait more than they compute; the default leaves one of two cores idle.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    server: { deps: { external: [/\/dist\//] } },
  },
})
