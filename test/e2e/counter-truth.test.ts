import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HistogramLogReader } from 'hdr-histogram-js'
import { afterAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer, send } from '../support/http-client.js'
import { HttpOrigin, readBody, refusedPort } from '../support/http-origin.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const CANARY = 'canary-9d1f'
const filters = compileFilters(new URL('../faults/filters/evil.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'headgate-truth-'))
afterAll(() => {
  filters.remove()
  rmSync(folder, { recursive: true, force: true })
})

type Line = Readonly<Record<string, unknown>>

function linesOf(file: string): Line[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

/** Counts of all `total` histograms of the log, by route. */
function totals(log: string): Record<string, number> {
  const reader = new HistogramLogReader(log)
  const found: Record<string, number> = {}
  for (let next = reader.nextIntervalHistogram(); next !== null; next = reader.nextIntervalHistogram()) {
    const [route = '', phase] = next.tag.split(':')
    if (phase === 'total') found[route] = next.totalCount
  }
  return found
}

describe.each(ACCEPTOR_KINDS)('C16 counters, histograms and access log over %s', (acceptor) => {
  it('B22 say what client and origin counted, after every kind of end', { timeout: 90_000 }, async () => {
    const origin = await HttpOrigin.start(async (request, response) => {
      const body = await readBody(request)
      if (request.url?.startsWith('/break') === true) {
        response.writeHead(200, { 'content-length': '1000' })
        response.write('x')
        response.socket?.destroySoon()
      } else if (request.url?.startsWith('/hang') === true) return
      else response.end(body)
    })
    const nobody = await refusedPort()
    const file = join(folder, `${acceptor}.log`)
    const gateway = await InProcessGateway.start({
      acceptor,
      admin: '127.0.0.1:0',
      workers: 1,
      accessLog: { file, headers: ['authorization', 'cookie', 'user-agent', 'referer'] },
      upstreams: {
        app: { peers: [origin.address], retries: { max: 0 } },
        dead: { peers: [`127.0.0.1:${nobody}`], retries: { max: 0 } },
      },
      routes: [
        { match: { path: '/old' }, redirect: { to: '/new' } },
        { match: { path: '/dead' }, upstream: 'dead' },
        { match: { path: '/evil/*' }, upstream: 'app', filters: [filters.path('evil')] },
        { match: { path: '/app/*' }, upstream: 'app', rewrite: { stripPrefix: '/app' } },
      ],
    })
    try {
      const statuses: number[] = []
      const take = async (path: string, body?: string): Promise<void> => {
        const headers = {
          authorization: `Bearer ${CANARY}`,
          cookie: `sid=${CANARY}`,
          referer: `http://u:${CANARY}@a.test/?token=${CANARY}#${CANARY}`,
          'user-agent': 'x\u00c3\u00bf',
        }
        const sent = body === undefined ? { headers } : { headers, method: 'POST', body }
        statuses.push((await fetchAnswer(gateway.port, path, sent)).status)
      }
      for (let i = 0; i < 10; i += 1) {
        await take(`/app/${i}?token=${CANARY}&%73ecret=${CANARY}&page=${i}`)
        await take('/app/post', 'body of ten')
        await take('/old')
        await take('/nowhere')
        await take('/dead')
      }
      const broken = await send(gateway.port, '/app/break')
      expect(broken.kind).toBe('broken-off')
      const leaver = await RawClient.connect(gateway.port)
      await leaver.send('GET /app/hang HTTP/1.1\r\nHost: a\r\n\r\n')
      await eventually('the origin has it', () => origin.open === 1)
      await leaver.destroy()
      for (let i = 0; i < 3; i += 1) {
        const client = await RawClient.connect(gateway.port)
        await client.send(
          'GET /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n',
        )
        await client.untilClosed()
        expect(client.text).toContain(' 400 ')
        await client.destroy()
      }
      await take('/evil/exits')

      const { counters } = await gateway.settle()
      const by = (from: number): number =>
        statuses.filter((status) => Math.floor(status / 100) === from).length
      // 51 that were answered, one that was cut, one whose client left.
      expect(statuses).toHaveLength(51)
      expect({
        requests: counters.requests,
        answered: counters.answered,
        aborted: counters.aborted,
        refused: counters['refused:parse'],
        '2xx': counters['status:2xx'],
        '3xx': counters['status:3xx'],
        '4xx': counters['status:4xx'],
        '5xx': counters['status:5xx'],
        bytesIn: counters.bytes_in,
        restarts: counters.worker_restarts,
        connectionRefused: counters['error:connection_refused'],
      }).toEqual({
        requests: 53,
        answered: 51,
        aborted: 2,
        refused: 3,
        '2xx': by(2) + 1,
        '3xx': by(3),
        '4xx': by(4),
        '5xx': by(5),
        bytesIn: 110,
        restarts: 1,
        connectionRefused: 10,
      })
      // What the gateway sent to the origin is what the origin got.
      expect(origin.requests).toBe(22)
      expect(counters.connections_opened).toBeGreaterThanOrEqual(53)

      const { admin } = gateway.gateway
      const log = (await fetchAnswer(admin?.port ?? 0, '/histogram.hlog')).body.toString()
      expect(totals(log)).toEqual({
        '/app/*': 20,
        '/old': 10,
        '/dead': 10,
        '/evil/*': 1,
        _unrouted: 13,
      })

      await eventually('all lines are written', () => linesOf(file).length >= 56)
      const lines = linesOf(file)
      expect(lines).toHaveLength(56)
      expect(readFileSync(file, 'utf8')).not.toContain(CANARY)
      const sessions = lines.filter(({ msg }) => msg === 'session')
      expect(sessions).toHaveLength(counters.requests)
      expect(lines.filter(({ msg }) => msg === 'refused')).toHaveLength(3)
      const logged = sessions.filter(({ reason }) => reason !== 'connection_terminated')
      const sum = (field: string): number => sessions.reduce((all, line) => all + Number(line[field]), 0)
      expect(sum('bytesIn')).toBe(counters.bytes_in)
      expect(logged.map(({ status }) => status).sort()).toEqual(expect.arrayContaining([200, 302, 404, 502]))
      expect(sessions.find(({ path }) => path === '/old')).toMatchObject({
        status: 302,
        route: '/old',
        tConnect: -1,
      })
      expect(sessions.find(({ path }) => path === '/nowhere')).toMatchObject({
        status: 404,
        reason: 'destination_not_found',
      })
      expect(sessions.find(({ path }) => path === '/evil/exits')).toMatchObject({
        status: 502,
        code: 'HG_WORKER_LOST',
      })
      expect(sessions.find(({ query }) => String(query).includes('page=3'))).toMatchObject({
        query: 'token=[redacted]&%73ecret=[redacted]&page=3',
        upstream: origin.address,
        upstreamStatus: 200,
        tries: 1,
        headers: {
          authorization: '[redacted]',
          cookie: '[redacted]',
          referer: 'http://a.test/?token=[redacted]',
        },
      })

      renameSync(file, `${file}.1`)
      gateway.gateway.reopenLogs?.()
      await eventually('the log has a file under its name again', () => {
        try {
          return readFileSync(file).length === 0
        } catch {
          return false
        }
      })
      await take('/old')
      await eventually('the line is in the new file', () => linesOf(file).length === 1)
      expect(linesOf(`${file}.1`)).toHaveLength(56)
    } finally {
      await gateway.close()
      await origin.close()
    }
  })
})
