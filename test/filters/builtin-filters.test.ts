import { describe, expect, it } from 'vitest'
import {
  createHeadersFilter,
  createRequestIdFilter,
  editHeaderBlock,
  headersOptions,
  requestIdOptions,
} from '#src/filters/index.js'
import { testFilter } from '#src/testing/index.js'

const upstream = () => ({ headers: { 'x-old': ['1', '2'], 'x-keep': 'k', 'x-same': 'a' }, body: 'x' })

describe('the filter headers', () => {
  const options = headersOptions.parse({
    request: { remove: ['X-Secret'], set: { Host: 'inner', 'x-set': 's' }, append: { 'x-add': 'a' } },
    response: { remove: ['X-OLD'], set: { 'X-Same': 'b' }, append: { 'X-Keep': 'l' } },
  })

  it('removes, replaces and adds, on the way up and down', async () => {
    const headers = { 'x-secret': ['1', '2'], 'x-set': 'client', 'x-add': 'client', host: 'outer' }
    const answer = await testFilter(createHeadersFilter(options), { upstream }).request({ headers })
    const up = answer.upstreamRequests[0]?.headers
    expect(up?.has('x-secret')).toBe(false)
    expect(up?.getAll('host')).toEqual(['inner'])
    expect(up?.getAll('x-set')).toEqual(['s'])
    expect(up?.getAll('x-add')).toEqual(['client', 'a'])
    expect([...answer.headers]).toEqual([
      ['x-keep', 'k'],
      ['X-Same', 'b'],
      ['X-Keep', 'l'],
    ])
  })

  it('A-29 edits answers of the gateway itself too, as the acceptor does without it', async () => {
    const answer = await testFilter(createHeadersFilter(options), { peers: 0 }).request()
    expect(answer.status).toBe(503)
    expect(answer.headers.get('x-keep')).toBe('l')
    const { response } = options
    if (response === undefined) throw new Error('no edits')
    expect(editHeaderBlock('x-old: 1\r\nX-Old: 2\r\nx-keep: k\r\n', response)).toBe(
      'x-keep: k\r\nX-Same: b\r\nX-Keep: l\r\n',
    )
  })

  it('leaves framing and Date to the acceptor', () => {
    const edits = { remove: [], set: { date: 'now' }, append: { 'content-length': '5', x: '1' } }
    expect(editHeaderBlock('a: b\r\n', edits)).toBe('a: b\r\nx: 1\r\n')
  })

  it('without edits in a direction has no hook there', () => {
    expect(Object.keys(createHeadersFilter({}))).toEqual(['name'])
    expect(Object.keys(createHeadersFilter(headersOptions.parse({ request: {} })))).toEqual([
      'name',
      'requestFilter',
    ])
  })
})

describe('the filter request-id', () => {
  it('A-23 carries the id of the session under one more name, whatever the client sent there', async () => {
    const filter = createRequestIdFilter(requestIdOptions.parse({}))
    const answer = await testFilter(filter).request({ headers: { 'x-correlation-id': 'forged' } })
    const id = answer.session.requestId
    expect(answer.upstreamRequests[0]?.headers.getAll('X-Correlation-Id')).toEqual([id])
    expect(answer.upstreamRequests[0]?.headers.getAll('X-Request-Id')).toEqual([id])
    expect(answer.headers.getAll('X-Correlation-Id')).toEqual([id])
  })

  it('under a name of its own', async () => {
    const answer = await testFilter(createRequestIdFilter({ header: 'X-Trace' }), { peers: 0 }).request()
    expect(answer.headers.get('x-trace')).toBe(answer.session.requestId)
  })
})
