import { defineConfig } from 'vitest/config'

/**
 * Rooms whose tests start no process, thread or server that outlives them: they share a process, which loads the modules once. Not `telemetry`, which
 * takes a CPU profile: with its end V8 stops to count which lines of that process run (`npm run coverage`).
 */
const UNITS = [
  'access-log',
  'ads-analytics',
  'ads-consent',
  'ads-context',
  'ads-macros',
  'ads-middleware',
  'ads-openrtb',
  'ads-session',
  'ads-transports',
  'ads-vast',
  'balance',
  'bench',
  'cache-rules',
  'cache/lock',
  'cache/store',
  'config',
  'conformance',
  'contract',
  'dispatch',
  'forwarding',
  'histograms',
  'lifecycle',
  'load',
  'mailbox',
  'memory',
  'money',
  'routing',
  'session',
  'supervisor',
  'support',
  'testing',
  'time',
  'tracing',
  'tune',
  'upstream-dns',
  'upstream-guard',
  'upstream-http1',
  'upstream-peers',
  'websocket',
  'worker',
].map((room) => `test/${room}/**/*.test.ts`)

// Tests run against the built `dist/` (through the `#src/*` import map), because worker threads load
// built JavaScript and a second copy of a module transformed by the runner would not be the one under test.
export default defineConfig({
  test: {
    pool: 'forks',
    execArgv: ['--expose-gc'],
    // Most tests wait more than they compute; the default leaves one of two cores idle.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ['./test/support/unfinished-files.ts', 'default'],
    server: { deps: { external: [/\/dist\//] } },
    projects: [
      { extends: true, test: { name: 'units', include: UNITS, isolate: false } },
      {
        extends: true,
        test: { name: 'gateways', include: ['test/**/*.test.ts'], exclude: [...UNITS, 'test/soak/**'] },
      },
    ],
  },
})
