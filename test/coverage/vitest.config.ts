import { defineConfig } from 'vitest/config'
import suite from '../../vitest.config.js'
import { LineCoverage } from './line-coverage.js'

const TAKE = new URL('take.ts', import.meta.url).pathname

/**
 * The suite, whose processes write down what has run in them. CI runs it so: it takes a fifth longer.
 *
 *     npm run coverage                               everything; fails below the thresholds
 *     npm run coverage -- test/mailbox test/cache    those tests only, no thresholds
 */
export default defineConfig({
  test: {
    ...suite.test,
    root: new URL('../..', import.meta.url).pathname,
    setupFiles: [TAKE],
    reporters: ['./test/support/unfinished-files.ts', new LineCoverage()],
    // V8 counts, which is slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
