import { describe, expect, it } from 'vitest'
import { parseUpgrade } from '#src/config/upgrade.js'
import { allowedUpgrade } from '#src/session/upgrade-protocols.js'

describe('protocols that clients may switch to', () => {
  it('are tokens with or without a version, in lower case', () => {
    expect(parseUpgrade('WebSocket')).toBe('websocket')
    expect(parseUpgrade('Echo/1.1')).toBe('echo/1.1')
    for (const wrong of ['', 'a b', 'a,b', 'a/', 'a/b/c', 'a\r\nx: y', 7])
      expect(() => parseUpgrade(wrong)).toThrow()
  })

  it('B16: are never HTTP, which would pass requests by the gateway', () => {
    for (const http of ['h2c', 'H2C', 'h2', 'HTTP/2.0', 'http', 'TLS/1.0'])
      expect(() => parseUpgrade(http)).toThrow()
  })

  it('are taken from the list of the client, and nothing else is', () => {
    expect(allowedUpgrade('h2c, WebSocket', ['websocket'])).toBe('WebSocket')
    expect(allowedUpgrade('foo, bar', ['bar', 'foo'])).toBe('foo, bar')
    expect(allowedUpgrade('websockets', ['websocket'])).toBe('')
    expect(allowedUpgrade('websocket', [])).toBe('')
    expect(allowedUpgrade('', ['websocket'])).toBe('')
  })
})
