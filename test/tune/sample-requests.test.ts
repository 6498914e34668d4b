import { describe, expect, it } from 'vitest'
import { parseRequest } from '#src/tune/parse-request.js'
import { sampleRequests } from '#src/tune/sample-requests.js'
import { load } from '../config/support.js'

async function samples(routes: string) {
  const yaml = `upstreams: { app: { peers: ['a:1'] }, b: { peers: ['b:1'] } }\nroutes:\n${routes}`
  const { config } = await load({ 'headgate.yaml': yaml })
  return sampleRequests(config.routes)
}

describe('requests to tune with', () => {
  it('are made from what each route matches', async () => {
    expect(
      await samples(`
  - { match: { host: '*.example.com', path: '/users/:id/*' }, upstream: app }
  - { match: { path: '/img/*.png', method: [POST] }, upstream: app }
  - { match: { path: '/**/z', headers: { x-beta: '1' }, query: { q: true } }, upstream: b }
  - { match: { path: '/*' }, upstream: app }
`),
    ).toEqual([
      expect.objectContaining({ method: 'GET', path: '/users/tune/', headers: { Host: 'tune.example.com' } }),
      expect.objectContaining({ method: 'POST', path: '/img/tune.png' }),
      expect.objectContaining({ method: 'GET', path: '/z?q=tune', headers: { 'x-beta': '1' } }),
      expect.objectContaining({ method: 'GET', path: '/' }),
    ])
  })

  it('leave out routes that answer by themselves, and those whose request goes elsewhere', async () => {
    const found = await samples(`
  - { match: { path: '/old/*' }, redirect: /new }
  - { match: { path: '/a/tune' }, upstream: b }
  - { match: { path: '/a/:id' }, upstream: app }
`)
    expect(found.map(({ path }) => path)).toEqual(['/a/tune'])
  })

  it.each([
    ['/a?b=1', { method: 'GET', path: '/a?b=1' }],
    ['POST /a', { method: 'POST', path: '/a' }],
    ['GET http://example.com/a', { method: 'GET', path: '/a', headers: { Host: 'example.com' } }],
    ['a', null],
    ['GET http://example.com', null],
    ['GET /a b', null],
  ])('%s', (text, expected) => {
    const parsed = parseRequest(text)
    if (expected === null) expect(parsed).toBeNull()
    else expect(parsed).toMatchObject(expected)
  })
})
