import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved, imbalance } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const folder = mkdtempSync(join(tmpdir(), 'headgate-refused-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const GET = 'GET /old HTTP/1.1\r\nHost: a\r\n'
const post = (fields: string): string => `POST /old HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n0\r\n\r\n`
/** Each over a connection of its own, and what its client is told. */
const SENT: readonly (readonly [bytes: string, status: number])[] = [
  [`${GET}Connection: close\r\n\r\n`, 308],
  [post('Content-Length: x'), 400],
  [post('Content-Length: 5\r\nTransfer-Encoding: chunked'), 400],
  [`GET /${'a'.repeat(9_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
  [`GET /${'a'.repeat(60_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
  ['GET /old HTTP/1.1\r\n\r\n', 400],
  [`${GET}Connection: close\r\n\r\n`, 308],
]

describe.each(ACCEPTOR_KINDS)('C16 every request that came over %s', (acceptor) => {
  it('was answered or counted as refused and logged, also what no session was made of', async () => {
    const file = join(folder, `${acceptor}.log`)
    const gateway = await InProcessGateway.start({
      acceptor,
      workers: 1,
      accessLog: { file },
      upstreams: { nobody: { peers: ['127.0.0.1:1'] } },
      routes: [
        { match: { path: '/old' }, redirect: { to: '/new', status: 308 } },
        { match: { path: '/*' }, upstream: 'nobody' },
      ],
    })
    try {
      const statuses: number[] = []
      for (const [bytes] of SENT) {
        const client = await RawClient.connect(gateway.port)
        await client.send(bytes)
        expect(await client.untilClosed()).toBe(true)
        statuses.push(Number(client.text.slice(9, 12)))
        await client.destroy()
      }
      expect(statuses).toEqual(SENT.map(([, status]) => status))
      const stats = await gateway.settle()
      expect(imbalance(stats, SENT.length)).toBeNull()
      const { counters } = stats
      expect(counters).toMatchObject({ requests: 2, answered: 2, aborted: 0, 'refused:limit': 2 })
      expect(counters['refused:parse'] + counters['refused:host']).toBe(3)
      const refused = (): string[] =>
        readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line.includes('"refused"'))
      await eventually('all are logged', () => refused().length === 5)
    } finally {
      await gateway.close()
    }
  })
})
