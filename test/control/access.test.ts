import { describe, expect, it } from 'vitest'
import { refuse } from '#src/control/access.js'

const TOKEN = 'a-token-of-sixteen-or-more'
const open = { hosts: ['gate.example'], token: null }
const locked = { hosts: [], token: TOKEN }
const get = (headers: Record<string, string>) => ({ method: 'GET', headers })
const post = (headers: Record<string, string>) => ({ method: 'POST', headers })

describe('B23 who may ask the admin listener', () => {
  it.each([
    '127.0.0.1:9901',
    'localhost',
    'LOCALHOST:1',
    '[::1]:9901',
    '10.1.2.3:80',
    '[fd00::1]',
    'gate.example:9901',
  ])('Host %s is ours', (host) => expect(refuse(get({ host }), open, true)).toBeNull())

  it.each([
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example:9901',
    '',
    '[evil]:1',
    '127.0.0.1:x',
  ])('Host %j may be a name that somebody made point here: 421', (host) =>
    expect(refuse(get({ host }), open, true)?.status).toBe(421),
  )

  it('no Host at all is 421', () => expect(refuse(get({}), open, true)?.status).toBe(421))

  it.each([
    'http://evil.example',
    'null',
    'http://127.0.0.1:3000',
    'file://',
    'http://127.0.0.1:9901.evil.example',
  ])('a script of a page of %s is refused, whatever it asks', (origin) => {
    const headers = { host: '127.0.0.1:9901', origin }
    expect(refuse(post(headers), open, true)?.status).toBe(403)
    expect(refuse(get(headers), open, true)?.status).toBe(403)
  })

  it('the own page may change things; a form elsewhere may not, even where browsers send no Origin; a link may', () => {
    const host = '127.0.0.1:9901'
    expect(
      refuse(post({ host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }), open, true),
    ).toBeNull()
    expect(refuse(post({ host, 'sec-fetch-site': 'cross-site' }), open, true)?.status).toBe(403)
    expect(refuse(post({ host, 'sec-fetch-site': 'same-site' }), open, true)?.status).toBe(403)
    expect(refuse(get({ host, 'sec-fetch-site': 'cross-site' }), open, true)).toBeNull()
    expect(refuse(post({ host }), open, true)).toBeNull()
  })

  it('with a token only who shows it, as a bearer or as a password', () => {
    const host = '10.0.0.1'
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    const status = (authorization?: string) =>
      refuse(get(authorization === undefined ? { host } : { host, authorization }), locked, true)?.status ??
      200
    expect(status()).toBe(401)
    expect(status(`Bearer ${TOKEN}`)).toBe(200)
    expect(status(`bearer  ${TOKEN}`)).toBe(200)
    expect(status(`Bearer ${TOKEN}x`)).toBe(401)
    expect(status(`Bearer ${TOKEN.slice(1)}`)).toBe(401)
    expect(status(basic(`anybody:${TOKEN}`))).toBe(200)
    expect(status(basic(TOKEN))).toBe(200)
    expect(status(basic(`${TOKEN}:`))).toBe(401)
    expect(status(`Digest ${TOKEN}`)).toBe(401)
    expect(refuse(get({ host }), locked, false)).toBeNull()
  })
})
