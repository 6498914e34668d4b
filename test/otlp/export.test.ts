import { once } from 'node:events'
import { createServer, type OutgoingHttpHeaders } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { checkOtlpPackages, OTLP_PACKAGES } from '#src/otlp/otlp-missing.js'
import { OtlpQueue } from '#src/otlp/otlp-queue.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin, readBody, refusedPort } from '../support/http-origin.js'
import { tlsFixture } from '../support/tls-fixtures.js'

const LOCALHOST = { cert: tlsFixture('localhost.crt').path, key: tlsFixture('localhost.key').path }

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly Attribute[]
  readonly status: { readonly code?: number; readonly message?: string }
}

interface Metric {
  readonly name: string
  readonly sum?: { readonly dataPoints: readonly { readonly asDouble: number }[] }
  readonly histogram?: {
    readonly dataPoints: readonly {
      readonly count: string | number
      readonly attributes: readonly Attribute[]
      readonly bucketCounts: readonly (string | number)[]
    }[]
  }
}

/** A collector that takes OTLP over HTTP, JSON. */
async function collector() {
  const spans: Span[] = []
  let metrics: Metric[] = []
  const keys = new Set<string>()
  const server = createServer(async (request, response) => {
    const body: unknown = JSON.parse((await readBody(request)).toString())
    keys.add(String(request.headers['x-api-key']))
    if (request.url === '/v1/traces') {
      const { resourceSpans } = body as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }
      for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans)
    } else {
      const { resourceMetrics } = body as { resourceMetrics: { scopeMetrics: { metrics: Metric[] }[] }[] }
      metrics = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    }
    response.setHeader('content-type', 'application/json')
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    keys,
    metric: (name: string) => metrics.find((metric) => metric.name === name),
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** Over TLS, with a certificate that nobody checks here. */
function secureGet(
  port: number,
  path: string,
  headers: OutgoingHttpHeaders,
): Promise<{ readonly status: number; readonly timing: unknown }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, headers, agent: false, rejectUnauthorized: false }
    const outgoing = request(options, (response) => {
      response.resume()
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, timing: response.headers['server-timing'] }),
      )
    })
    outgoing.once('error', reject)
    outgoing.end()
  })
}

function attributesOf(span: { readonly attributes: readonly Attribute[] }): Record<string, unknown> {
  return Object.fromEntries(span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}

describe('export over OTLP', () => {
  it('a span for the session and one for each attempt, which upstreams are told; metrics in between', {
    timeout: 60_000,
  }, async () => {
    const sink = await collector()
    const told: string[] = []
    const origin = await HttpOrigin.start((request, response) => {
      told.push(`${request.headers['traceparent']} ${request.headers['tracestate']}`)
      response.end('hello')
    })
    const nobody = await refusedPort()
    const gateway = await InProcessGateway.start({
      workers: 1,
      tracing: { sample: '100%' },
      answers: { serverTiming: true },
      otlp: { endpoint: sink.url, interval: '200ms', headers: { 'x-api-key': 'key' } },
      upstreams: {
        app: { peers: [`127.0.0.1:${nobody}`, origin.address], balance: 'round-robin', retries: { max: 1 } },
      },
      routes: [{ match: { path: '/*' }, upstream: 'app' }],
    })
    let closed = false
    try {
      const traceId = '0af7651916cd43dd8448eb211c80319c'
      const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: 'a=1' }
      const answer = await fetchAnswer(gateway.port, '/page?token=canary', { headers })
      expect(answer.status).toBe(200)
      expect(answer.headers['server-timing']).toMatch(
        /^gw;dur=[\d.]+, queue;dur=[\d.]+, up;dur=[\d.]+, .*ttfb;dur=[\d.]+, total;dur=[\d.]+$/,
      )
      await fetchAnswer(gateway.port, '/other')
      // An export in between may have the histogram of a session whose counter comes with the next.
      await eventually('metrics have both', () => {
        const points = sink.metric('http.server.request.duration')?.histogram?.dataPoints ?? []
        const counted = sink.metric('headgate.requests')?.sum?.dataPoints ?? []
        return points.some(({ count }) => Number(count) === 2) && counted[0]?.asDouble === 2
      })
      const [point] = sink.metric('http.server.request.duration')?.histogram?.dataPoints ?? []
      expect(point?.bucketCounts.reduce((sum: number, count) => sum + Number(count), 0)).toBe(2)
      expect(attributesOf(point ?? { attributes: [] })).toEqual({
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'http.route': '/*',
        'url.scheme': 'http',
        'network.protocol.version': '1.1',
      })
      const [attempted] = sink.metric('http.client.request.duration')?.histogram?.dataPoints ?? []
      expect(attempted?.count).toBe(2)
      expect(attributesOf(attempted ?? { attributes: [] })).toEqual({
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        // Of two peers the upstream stands for both.
        'server.address': 'app',
        'network.protocol.version': '1.1',
      })
      // Closing sends the spans that are left.
      await gateway.close()
      closed = true
      expect([...sink.keys]).toEqual(['key'])
      const spans = sink.spans.filter((span) => span.traceId === traceId)
      const server = spans.find(({ kind }) => kind === 2)
      const attempts = spans.filter(({ kind }) => kind === 3)
      expect(server).toMatchObject({ name: 'GET /*', parentSpanId: 'b7ad6b7169203331' })
      expect(attributesOf(server ?? { attributes: [] })).toMatchObject({
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'http.route': '/*',
        'url.path': '/page',
      })
      expect(JSON.stringify(sink.spans)).not.toContain('canary')
      for (const attempt of attempts) expect(attempt.parentSpanId).toBe(server?.spanId)
      const last = attempts.at(-1)
      expect(told[0]).toBe(`00-${traceId}-${last?.spanId}-01 a=1`)
      // At least one of the two sessions has met the peer that is not there.
      const all = sink.spans.filter(({ kind }) => kind === 3)
      const failed = all.filter(({ status }) => status.code === 2)
      expect(failed.length).toBeGreaterThan(0)
      expect(all).toHaveLength(2 + failed.length)
      for (const attempt of failed)
        expect(attributesOf(attempt)).toMatchObject({ 'error.type': 'connection_refused' })
      for (const { startTimeUnixNano, endTimeUnixNano } of sink.spans)
        expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano))
    } finally {
      if (!closed) await gateway.close()
      await origin.close()
      await sink.close()
    }
  })

  it('what the acceptor answers by itself has spans and Server-Timing too, and metrics leave once more at the end', {
    timeout: 60_000,
  }, async () => {
    const sink = await collector()
    const origin = await HttpOrigin.start((_, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': 2 }).end('ok')
    })
    const gateway = await InProcessGateway.start({
      workers: 1,
      tls: { certificates: [LOCALHOST] },
      tracing: { sample: '100%' },
      answers: { serverTiming: true },
      otlp: { endpoint: sink.url, interval: '1h' },
      upstreams: { app: { peers: [origin.address] } },
      routes: [
        { match: { path: '/kept' }, upstream: 'app', cache: true },
        { match: { path: '/fixed' }, respond: { status: 204 } },
      ],
    })
    let closed = false
    try {
      const traceId = '0af7651916cd43dd8448eb211c80319c'
      const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` }
      const timings: string[] = []
      for (const path of ['/kept', '/kept', '/fixed', '/none?token=canary']) {
        const answer = await secureGet(gateway.port, path, headers)
        timings.push(`${answer.status} ${String(answer.timing).replace(/dur=[\d.]+/g, 'dur=N')}`)
      }
      expect(timings[0]).toMatch(/^200 gw;dur=N, queue;dur=N, up;dur=N, cache;desc=miss;dur=N, /)
      expect(timings.slice(1)).toEqual([
        '200 gw;dur=N, cache;desc=hit, total;dur=N',
        '204 gw;dur=N, total;dur=N',
        '404 gw;dur=N, total;dur=N',
      ])
      expect(sink.metric('http.server.request.duration')).toBeUndefined()
      await gateway.close()
      closed = true
      const servers = sink.spans.filter(({ kind }) => kind === 2)
      expect(servers.map(({ name }) => name).sort()).toEqual(['GET', 'GET /fixed', 'GET /kept', 'GET /kept'])
      for (const span of servers) {
        expect(span).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331' })
        expect(attributesOf(span)).toMatchObject({ 'url.scheme': 'https', 'http.request.method': 'GET' })
      }
      expect(servers.map((span) => attributesOf(span)['headgate.cache']).filter(Boolean)).toEqual(['hit'])
      const lost = servers.find(({ name }) => name === 'GET')
      expect(attributesOf(lost ?? { attributes: [] })).toMatchObject({
        'url.path': '/none',
        'http.response.status_code': 404,
      })
      expect(JSON.stringify(sink.spans)).not.toContain('canary')
      const points = sink.metric('http.server.request.duration')?.histogram?.dataPoints ?? []
      expect(points.reduce((sum, { count }) => sum + Number(count), 0)).toBe(4)
      for (const point of points) expect(attributesOf(point)).toMatchObject({ 'url.scheme': 'https' })
      const [attempt] = sink.metric('http.client.request.duration')?.histogram?.dataPoints ?? []
      expect(attributesOf(attempt ?? { attributes: [] })).toMatchObject({
        'server.address': '127.0.0.1',
        'server.port': Number(origin.address.split(':').at(-1)),
      })
    } finally {
      if (!closed) await gateway.close()
      await origin.close()
      await sink.close()
    }
  })

  it('says what to install when the packages are missing, and nothing when they are there', () => {
    expect(() => checkOtlpPackages((name) => name)).not.toThrow()
    const [first] = OTLP_PACKAGES
    const resolve = (name: string): string => {
      if (name === first) throw new Error('not found')
      return name
    }
    expect(() => checkOtlpPackages(resolve)).toThrow(`npm install ${first} @opentelemetry/api`)
  })

  it('a collector that does not answer costs spans, not memory', async () => {
    const batches: number[] = []
    const problems: number[] = []
    let done: (() => void) | null = null
    const queue = new OtlpQueue<number>(
      (batch, finish) => {
        batches.push(batch.length)
        done = () => finish({ code: 1, error: new Error('no answer') })
      },
      (_, lost) => problems.push(lost),
    )
    for (let i = 0; i < 10_000; i += 1) queue.add(i)
    expect(batches).toEqual([512])
    const finish = (): void => done?.()
    finish()
    expect(problems).toEqual([10_000 - 4096])
    expect(batches).toEqual([512, 4096])
    finish()
    await queue.close()
    expect(problems).toEqual([10_000 - 4096, 4096])
  })
})
