import { expect, it } from 'vitest'
import { conserved } from '../support/conservation.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'

conserved()

const SESSIONS = 48
const BASE_MS = 400

it('A13 sessions that failed together come back spread over all of the wait (full jitter)', async () => {
  const failedMs = new Map<string, number>()
  const waitsMs: number[] = []
  const answer = async (path: string): Promise<number> => {
    const before = failedMs.get(path)
    if (before === undefined) {
      failedMs.set(path, performance.now())
      return 503
    }
    waitsMs.push(performance.now() - before)
    return 200
  }
  const origins = await Promise.all(
    [0, 1].map(() =>
      HttpOrigin.start(async (request, response) => {
        response.statusCode = await answer(request.url ?? '')
        response.end()
      }),
    ),
  )
  const gateway = await InProcessGateway.start({
    workers: 1,
    upstreams: {
      app: {
        peers: origins.map(({ address }) => address),
        // All of them fail once, which is no reason to leave a peer out.
        ejection: { maxShare: '0%' },
        retries: { on: [503], budget: 'none', backoff: { base: `${BASE_MS}ms`, max: `${BASE_MS}ms` } },
      },
    },
  })
  try {
    const statuses = await Promise.all(
      Array.from(
        { length: SESSIONS },
        async (_, index) => (await fetchAnswer(gateway.port, `/${index}`)).status,
      ),
    )
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(waitsMs).toHaveLength(SESSIONS)
    // By chance alone once in 10^5 runs; equal waits, or waits in the upper half only, never.
    waitsMs.sort((a, b) => a - b)
    const [shortest = 0] = waitsMs
    const longest = waitsMs.at(-1) ?? 0
    expect(shortest).toBeLessThan(BASE_MS / 2)
    expect(longest - shortest).toBeGreaterThan(BASE_MS / 2)
  } finally {
    await gateway.close()
    await Promise.all(origins.map((origin) => origin.close()))
  }
})
