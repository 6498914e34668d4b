import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDemoOrigin } from '#src/cli/demo-origin.js'
import { createDemoServer } from '#src/cli/demo-server.js'

const server = createDemoServer()
let url = ''
let port = 0

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  url = `http://127.0.0.1:${port}`
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

describe('the page', () => {
  it('is one self-contained document that shows the request id and the headers as the origin saw them', async () => {
    const response = await fetch(url, { headers: { 'x-request-id': 'req-1', 'x-custom': 'Value' } })
    const html = await response.text()
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(html).toContain('Request id <code>req-1</code>')
    expect(html).toContain('<td>x-custom</td><td>Value</td>')
    expect(html).toContain("new EventSource('/events')")
    expect(html.match(/(?:src|href)="(?!\/)[^"]*"/g)).toBeNull()
  })

  it('has only links that the origin serves', async () => {
    const html = await (await fetch(url)).text()
    const links = [...html.matchAll(/href="([^"]+)"/g)].map((match) => match[1] ?? '')
    expect(links.length).toBeGreaterThan(5)
    for (const link of links) {
      const response = await fetch(url + link, { method: link === '/upload' ? 'POST' : 'HEAD' })
      expect([link, response.status]).toEqual([link, link === '/status/503' ? 503 : 200])
    }
  })

  it('escapes what the client sends', async () => {
    const headers = { 'x-request-id': '<script>alert(1)</script>', 'x-a': '"><img src=x>' }
    const html = await (await fetch(`${url}/?<script>`, { headers })).text()
    expect(html).not.toMatch(/<script>alert|<img/)
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  })

  it('says so when the request did not come through the gateway', async () => {
    expect(await (await fetch(url)).text()).toContain('none: this request did not come through the gateway')
  })
})

describe('endpoints', () => {
  it('/headers answers with method, URL and headers', async () => {
    const response = await fetch(`${url}/headers?a=b`, { headers: { 'x-a': '1' } })
    expect(await response.json()).toMatchObject({
      method: 'GET',
      url: '/headers?a=b',
      headers: { 'x-a': '1' },
    })
  })

  it('/echo gives the body back, with its type and length', async () => {
    const body = 'x'.repeat(300_000)
    const response = await fetch(`${url}/echo`, {
      method: 'PATCH',
      body,
      headers: { 'content-type': 'text/x' },
    })
    expect(response.headers.get('content-type')).toBe('text/x')
    expect(response.headers.get('content-length')).toBe('300000')
    expect((await response.text()) === body).toBe(true)
  })

  it('/echo streams: the first piece comes back before the last is sent', async () => {
    const socket = connect(port, '127.0.0.1')
    let received = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text
    })
    socket.write(
      'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nfirst\r\n',
    )
    while (!received.includes('first')) await once(socket, 'data')
    socket.write('6\r\nsecond\r\n0\r\n\r\n')
    await once(socket, 'close')
    expect(received).toContain('second')
  })

  it('/upload answers with length and SHA-256', async () => {
    for (const method of ['POST', 'PUT']) {
      const body = Buffer.alloc(1_000_000, 'headgate')
      const response = await fetch(`${url}/upload`, { method, body })
      const sha256 = createHash('sha256').update(body).digest('hex')
      expect(await response.json()).toEqual({ bytes: 1_000_000, sha256 })
    }
  })

  it.each([0, 1, 65_536, 1_000_001])('/bytes/%d streams so many', async (size) => {
    const response = await fetch(`${url}/bytes/${size}`)
    expect(response.headers.get('content-length')).toBe(String(size))
    expect((await response.arrayBuffer()).byteLength).toBe(size)
  })

  it('/bytes refuses more than 1 GiB', async () => {
    const response = await fetch(`${url}/bytes/1073741825`)
    expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([
      400,
      'bad_request',
    ])
  })

  it.each([
    [200, 200],
    [204, 204],
    [304, 304],
    [418, 418],
    [599, 599],
    [100, 400],
    [600, 400],
  ])('/status/%d answers %d', async (asked, status) => {
    const response = await fetch(`${url}/status/${asked}`, { redirect: 'manual' })
    await response.text()
    expect(response.status).toBe(status)
  })

  it('/delay/MS answers after that time', async () => {
    const before = performance.now()
    const response = await fetch(`${url}/delay/50`)
    expect(await response.json()).toEqual({ delayMs: 50 })
    expect(performance.now() - before).toBeGreaterThanOrEqual(49)
  })

  it('/events sends an event at once and one every second', async () => {
    const response = await fetch(`${url}/events`)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = response.body?.getReader()
    let text = ''
    for (let parts = 0; parts < 2; parts += 1) {
      const { value } = (await reader?.read()) ?? {}
      text += Buffer.from(value ?? []).toString()
    }
    await reader?.cancel()
    const numbers = [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] ?? '').number)
    expect(numbers).toEqual([1, 2])
  })

  it.each([
    ['GET', '/nowhere', 404],
    ['GET', '/bytes/many', 404],
    ['POST', '/', 405],
    ['GET', '/upload', 405],
  ])('%s %s is %d', async (method, path, status) => {
    const response = await fetch(url + path, { method })
    expect(response.status).toBe(status)
    if (status === 405) expect(response.headers.get('allow')).not.toBeNull()
    await response.text()
  })

  it('a client that leaves in the middle leaves the origin alive', async () => {
    const abort = new AbortController()
    const response = await fetch(`${url}/bytes/1000000000`, { signal: abort.signal })
    await response.body?.getReader().read()
    abort.abort()
    expect((await fetch(`${url}/status/200`)).status).toBe(200)
  })
})

it('runs in a thread of its own, and closes', async () => {
  const origin = await startDemoOrigin()
  expect((await fetch(`${origin.url}/status/200`)).status).toBe(200)
  await origin.close()
  await expect(fetch(origin.url)).rejects.toThrow()
})
