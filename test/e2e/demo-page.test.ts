import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { GatewayProcess } from '../support/gateway.js'

/** What a browser sends with a page. */
const NAVIGATION = {
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'accept-language': 'de,en;q=0.5',
  'upgrade-insecure-requests': '1',
  'sec-fetch-mode': 'navigate',
  cookie: 'theme=dark; session=abc',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
}

/** What the links of the page answer, as a browser follows them; the others are checked apart. */
const LINKS: Readonly<Record<string, number>> = {
  '/headers': 200,
  '/bytes/1048576': 200,
  '/status/503': 503,
  '/delay/500': 200,
  '/echo': 200,
  '/upload': 405,
}

describe.each(ACCEPTOR_KINDS)('the demo in a browser over %s', (acceptor) => {
  let gateway: GatewayProcess
  const get = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${gateway.port}${path}`, { headers: NAVIGATION, ...init })

  beforeAll(async () => {
    gateway = await GatewayProcess.start({ acceptor, upstreams: {} }, ['--demo'])
  }, 60_000)
  afterAll(async () => {
    await gateway.close()
  })

  it('the page comes as HTML with the id of its request', async () => {
    const response = await get('/')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(response.headers.get('via')).toBe('1.1 headgate')
    const html = await response.text()
    expect(html).toMatch(/^<!doctype html>/)
    expect(html).toContain('It works: this page came through Headgate')
    expect(html).toContain(`<code>${response.headers.get('x-request-id')}</code>`)
    expect(html).toContain('theme=dark; session=abc')
  })

  it('every link of the page leads somewhere', { timeout: 30_000 }, async () => {
    const html = await (await get('/')).text()
    const links = [...html.matchAll(/<a href="([^"]+)"/g)].map((match) => String(match[1]))
    expect(links.toSorted()).toEqual([...Object.keys(LINKS), '/events'].toSorted())
    for (const [path, status] of Object.entries(LINKS)) {
      const response = await get(path)
      const body = await response.arrayBuffer()
      expect(`${path} ${response.status}`).toBe(`${path} ${status}`)
      if (path === '/bytes/1048576') expect(body.byteLength).toBe(1_048_576)
    }
    expect((await get('/favicon.ico')).status).toBe(404)
  })

  it('the event stream of the page runs, and ends at the origin when the page is left', async () => {
    const leaving = new AbortController()
    const response = await get('/events', {
      headers: { ...NAVIGATION, accept: 'text/event-stream' },
      signal: leaving.signal,
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const id = response.headers.get('x-request-id')
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true })
      if (text.includes('"number":2')) break
    }
    const events = [...text.matchAll(/^data: (.+)$/gm)].map((match) => JSON.parse(String(match[1])) as object)
    expect(events).toMatchObject([{ number: 1 }, { number: 2 }])
    leaving.abort()
    const [line] = await gateway.log.until((candidate) => candidate['reqId'] === id)
    expect(line).toMatchObject({ msg: 'session', path: '/events', code: 'HG_CLIENT_ABORTED' })
  })
})
