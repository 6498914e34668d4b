import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo, ListenOptions } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { GatewayProcess } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { readBody } from '../support/http-origin.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Answers with the Host field and the length of the body. */
async function origin(where: ListenOptions) {
  const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
    const body = await readBody(request)
    response.end(`${request.headers.host} ${body.length}`)
  })
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  server.listen(where)
  await once(server, 'listening')
  cleanups.push(async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
  return { port: (server.address() as AddressInfo).port, connections: () => connections }
}

describe.each(ACCEPTOR_KINDS)('peers that are no IPv4 address, over %s', (acceptor) => {
  async function exchange(peer: string): Promise<void> {
    const gateway = await GatewayProcess.start({
      acceptor,
      workers: 1,
      upstreams: { app: { peers: [peer], pool: { idle: '60s' } } },
    })
    cleanups.push(() => gateway.close())
    for (const body of ['', 'x'.repeat(1000), 'x'.repeat(300_000)]) {
      const options = { method: 'POST', headers: { host: 'client.test:81' }, body }
      const answer = await fetchAnswer(gateway.port, '/', options)
      expect(answer.body.toString()).toBe(`client.test:81 ${body.length}`)
    }
    const [line] = await gateway.log.until(({ msg }) => msg === 'session')
    expect(line?.['upstream']).toBe(peer)
  }

  it('a Unix socket: the Host field is that of the client, connections are kept, bodies pass', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headgate-'))
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'app.sock')
    const { connections } = await origin({ path })
    await exchange(`unix:${path}`)
    expect(connections()).toBe(1)
  }, 60_000)

  it('an IPv6 address', async () => {
    const { port, connections } = await origin({ host: '::1', port: 0 })
    await exchange(`[::1]:${port}`)
    expect(connections()).toBe(1)
  }, 60_000)

  it('a Unix socket that is not there: 502 connection_refused, and the log says which', async () => {
    const gateway = await GatewayProcess.start({
      acceptor,
      workers: 1,
      upstreams: { app: { peers: ['unix:/nowhere/app.sock'] } },
    })
    cleanups.push(() => gateway.close())
    const answer = await fetchAnswer(gateway.port, '/')
    expect([answer.status, answer.headers['proxy-status']]).toEqual([
      502,
      'headgate; error=connection_refused',
    ])
    const [line] = await gateway.log.until(({ level }) => level === 'error')
    expect(line?.['upstream']).toBe('unix:/nowhere/app.sock')
  }, 60_000)
})
