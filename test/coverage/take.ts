import { takeCoverage } from 'node:v8'
import { afterAll } from 'vitest'

// The runner ends its processes before they would write down by themselves what has run in them.
afterAll(() => takeCoverage())
