import { defineConfig } from 'vitest/config'
import suite from '../../vitest.config.js'

const TAKE = new URL('take.ts', import.meta.url).pathname

/** The suite, whose processes write down what has run in them. */
export default defineConfig({
  test: {
    ...suite.test,
    root: new URL('../..', import.meta.url).pathname,
    setupFiles: [TAKE],
    // V8 counts, which is slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
