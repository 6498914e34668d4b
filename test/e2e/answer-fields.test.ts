import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin, refusedPort } from '../support/http-origin.js'

conserved()

/** What `answers` says, and which of the fields come then with a miss, a hit, a bypass, an error of a worker and one of the acceptor. */
const CASES = [
  {
    answers: undefined,
    cache: ['headgate; fwd=uri-miss', 'headgate; hit', 'headgate; fwd=method'],
    reasons: ['headgate; error=connection_refused', 'headgate; error=destination_not_found'],
  },
  { answers: { cacheStatus: false, proxyStatus: false }, cache: [], reasons: [] },
]

describe.each(ACCEPTOR_KINDS)('fields about the gateway over %s', (acceptor) => {
  let origin: HttpOrigin
  beforeAll(async () => {
    origin = await HttpOrigin.start((_, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': 2 }).end('ok')
    })
  })
  afterAll(() => origin.close())

  it.each(CASES)('answers $answers', async ({ answers, cache, reasons }) => {
    const gateway = await InProcessGateway.start({
      acceptor,
      workers: 1,
      ...(answers === undefined ? {} : { answers }),
      upstreams: {
        app: { peers: [origin.address] },
        dead: { peers: [`127.0.0.1:${await refusedPort()}`], retries: { max: 0 } },
      },
      routes: [
        { match: { path: '/dead' }, upstream: 'dead' },
        { match: { path: '/kept' }, upstream: 'app', cache: true },
      ],
    })
    try {
      const field = async (name: string, path: string, method = 'GET'): Promise<string> =>
        String((await fetchAnswer(gateway.port, path, { method })).headers[name] ?? '').replace(
          /; (?:stored|ttl=.*|fwd-status=.*)$/g,
          '',
        )
      const told = [
        (await field('cache-status', '/kept')).replace(/; fwd-status.*/, ''),
        await field('cache-status', '/kept'),
        (await field('cache-status', '/kept', 'POST')).replace(/; fwd-status.*/, ''),
      ]
      expect(told.filter((value) => value !== '')).toEqual(cache)
      const errors = [await field('proxy-status', '/dead'), await field('proxy-status', '/none')]
      expect(errors.filter((value) => value !== '')).toEqual(reasons)
    } finally {
      await gateway.close()
    }
  })
})
