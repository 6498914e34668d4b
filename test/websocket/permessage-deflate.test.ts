import { describe, expect, it } from 'vitest'
import { DEFLATE_OFFER, namesDeflate, readDeflateAnswer } from '#src/websocket/index.js'

describe('the offer of permessage-deflate', () => {
  it.each([
    ['permessage-deflate', true],
    ['x-a; b, Permessage-Deflate ; client_max_window_bits', true],
    [DEFLATE_OFFER, true],
    ['', false],
    ['permessage-deflate-2', false],
    ['x-a; permessage-deflate', false],
  ])('is found in %j: %s', (value, isThere) => {
    expect(namesDeflate(value)).toBe(isThere)
  })
})

describe('the answer to the offer of permessage-deflate', () => {
  it.each([
    ['permessage-deflate; server_no_context_takeover'],
    ['permessage-deflate; server_no_context_takeover; client_no_context_takeover'],
    ['PERMESSAGE-DEFLATE;Server_No_Context_Takeover'],
    // Unasked, but allowed (RFC 7692 §7.1.2.1).
    ['permessage-deflate; server_no_context_takeover; server_max_window_bits=8'],
    ['permessage-deflate; server_no_context_takeover; server_max_window_bits="15"'],
  ])('may be %s', (value) => {
    expect(readDeflateAnswer([value])).toEqual({ isAgreed: true, problem: null })
  })

  it.each([[[]], [['']], [[' , ']]])('may be none: %j', (values) => {
    expect(readDeflateAnswer(values)).toEqual({ isAgreed: false, problem: null })
  })

  it.each([
    ['x-webkit-deflate-frame; server_no_context_takeover'],
    ['permessage-deflate'],
    ['permessage-deflate; client_no_context_takeover'],
    ['permessage-deflate; server_no_context_takeover=1'],
    ['permessage-deflate; server_no_context_takeover; server_no_context_takeover'],
    ['permessage-deflate; server_no_context_takeover; client_max_window_bits=10'],
    ['permessage-deflate; server_no_context_takeover; client_max_window_bits'],
    ['permessage-deflate; server_no_context_takeover; server_max_window_bits'],
    ['permessage-deflate; server_no_context_takeover; server_max_window_bits=7'],
    ['permessage-deflate; server_no_context_takeover; server_max_window_bits=16'],
    ['permessage-deflate; server_no_context_takeover; server_max_window_bits=010'],
    ['permessage-deflate; server_no_context_takeover; something_else'],
    ['permessage-deflate; server_no_context_takeover;'],
    ['permessage-deflate; server_no_context_takeover, permessage-deflate; server_no_context_takeover'],
    ['permessage-deflate; server_no_context_takeover, x-other'],
  ])('may not be %s', (value) => {
    const { isAgreed, problem } = readDeflateAnswer([value])
    expect(isAgreed).toBe(false)
    expect(problem).toMatch(/^the 101 names /)
  })

  it('may not come in two lines that each would do', () => {
    const line = 'permessage-deflate; server_no_context_takeover'
    expect(readDeflateAnswer([line, line]).problem).toBe('the 101 names more than one extension')
  })
})
