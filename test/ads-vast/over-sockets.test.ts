import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createDestinationGuard,
  HttpTransport,
  parseVast,
  resolveChain,
  VastUpstream,
} from '#src/ads/index.js'
import { inline, vast, wrapper } from './support/memory-documents.js'

const seen: string[] = []
let pages: Record<string, string> = {}
let servers: Server[] = []
let port = 0

/** Serves `pages` by path; `-> URL` is a redirect. */
async function serve(host: string, at: number): Promise<number> {
  const server = createServer((request, response) => {
    seen.push(`${host}${request.url}`)
    const page = pages[request.url ?? '']
    if (page === undefined) response.writeHead(404).end()
    else if (page.startsWith('-> ')) response.writeHead(302, { location: page.slice(3) }).end()
    else response.writeHead(200, { 'content-type': 'application/xml' }).end(page)
  }).listen(at, host)
  servers.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  port = await serve('127.0.0.1', 0)
  await serve('127.0.0.2', port)
})
afterAll(() => {
  for (const server of servers) server.close()
  servers = []
})

describe('C15 C-15 F-38 wrappers over the HTTP transport, with one guard for both', () => {
  it('leads through redirects to the ad, and nowhere that the guard forbids', async () => {
    const guard = createDestinationGuard({ allow: ['127.0.0.1'], ports: 'any' })
    const upstream = new VastUpstream({ transport: new HttpTransport({ guard }), guard, errorPixels: false })
    pages = {
      '/ok': vast(wrapper('w', '/moved')),
      '/moved': '-> /inner/ad',
      '/inner/ad': vast(wrapper('v', 'relative')),
      '/inner/relative': vast(inline('ad')),
      '/bad': vast(wrapper('w', '/away')),
      '/away': `-> http://127.0.0.2:${port}/inner/relative`,
    }
    const endpoint = `http://127.0.0.1:${port}`
    expect(await upstream.request({ endpoint: `${endpoint}/ok` })).toMatchObject({
      kind: 'fill',
      ad: { id: 'ad' },
    })
    expect(await upstream.request({ endpoint: `${endpoint}/bad` })).toMatchObject({
      kind: 'no-fill',
      code: 300,
    })
    expect(seen.filter((one) => one.startsWith('127.0.0.2'))).toEqual([])
    await upstream.close()
  })

  it('a name that means a forbidden address is refused when it has been resolved', async () => {
    const guard = createDestinationGuard({ ports: 'any' })
    const transport = new HttpTransport({ guard })
    const codes: number[] = []
    seen.length = 0
    const result = await resolveChain(
      parseVast(vast(wrapper('w', `http://localhost:${port}/inner/relative`))),
      undefined,
      {
        transport,
        guard,
        onError: (_urls, code) => codes.push(code),
      },
    )
    expect([result.code, codes, seen]).toEqual([300, [300], []])
    await transport.close()
  })
})
