import {
  brotliCompressSync,
  brotliDecompressSync,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
} from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  compressOptions,
  createCompressFilter,
  createDecompressFilter,
  decompressOptions,
} from '#src/filters/index.js'
import type { Filter } from '#src/lifecycle/index.js'
import { type TestHeaders, testFilter } from '#src/testing/index.js'

const TEXT = 'All that is gold does not glitter. '.repeat(400)
const HTML = { 'content-type': 'text/html; charset=utf-8' }

const compress = (options: object = {}): Filter =>
  createCompressFilter(compressOptions.parse(options)) as Filter
const decompress = (options: object = {}): Filter =>
  createDecompressFilter(decompressOptions.parse(options)) as Filter

/** A client that asks with `accept` of an upstream that answers `body`. */
async function compressed(
  accept: string | null,
  headers: TestHeaders = HTML,
  body: string | string[] = TEXT,
  options: object = {},
  method = 'GET',
) {
  const kit = testFilter(compress(options), { upstream: () => ({ headers, body }) })
  return kit.request({ method, headers: accept === null ? {} : { 'accept-encoding': accept } })
}

describe('the filter compress', () => {
  it.each([
    ['gzip', 'gzip', gunzipSync],
    ['br, gzip', 'br', brotliDecompressSync],
    ['br;q=0.5, gzip', 'gzip', gunzipSync],
    ['*', 'br', brotliDecompressSync],
    ['br;q=0, *;q=0.1', 'gzip', gunzipSync],
    ['X-GZIP', 'gzip', gunzipSync],
  ])('answers Accept-Encoding %s with %s', async (accept, coding, decode) => {
    const answer = await compressed(accept)
    expect(answer.headers.get('content-encoding')).toBe(coding)
    expect(answer.headers.get('vary')).toBe('Accept-Encoding')
    expect(answer.body.length).toBeLessThan(TEXT.length / 10)
    expect(decode(answer.body).toString()).toBe(TEXT)
  })

  it('in deflate when the codings say so', async () => {
    const answer = await compressed('br, deflate', HTML, TEXT, { codings: ['deflate'] })
    expect(answer.headers.get('content-encoding')).toBe('deflate')
    expect(inflateSync(answer.body).toString()).toBe(TEXT)
  })

  it.each([
    [null],
    [''],
    ['identity'],
    ['gzip;q=0, br;q=0.000'],
    ['zstd'],
    ['identity, gzip;q=0.5'],
    ['gzip;q=high'],
  ])('leaves the content as it is for Accept-Encoding %s, and says what it depends on', async (accept) => {
    const answer = await compressed(accept)
    expect(answer.headers.has('content-encoding')).toBe(false)
    expect(answer.headers.get('vary')).toBe('Accept-Encoding')
    expect([answer.text(), answer.contentLength]).toEqual([TEXT, TEXT.length])
  })

  it.each<[string, TestHeaders, object?]>([
    ['another type', { 'content-type': 'image/png' }],
    ['no type', {}],
    ['a type that is not in the list', HTML, { types: ['application/*', '*+json'] }],
    ['coded content', { ...HTML, 'content-encoding': 'zstd' }],
    ['no-transform', { ...HTML, 'cache-control': 'public, No-Transform' }],
    ['less than minSize', HTML, { minSize: '1MiB' }],
  ])('leaves %s alone, with its length', async (_, headers, options = {}) => {
    const answer = await compressed('gzip, br', headers, TEXT, options)
    expect(['gzip', 'br']).not.toContain(answer.headers.get('content-encoding'))
    expect(answer.headers.has('vary')).toBe(false)
    expect([answer.text(), answer.contentLength]).toEqual([TEXT, TEXT.length])
  })

  it('leaves parts alone, and error documents of the gateway', async () => {
    const partial = testFilter(compress({ minSize: '1B' }), {
      upstream: () => ({ status: 206, headers: { ...HTML, 'content-range': 'bytes 0-9/99' }, body: TEXT }),
    })
    const headers = { 'accept-encoding': 'gzip' }
    const part = await partial.request({ headers })
    expect([part.headers.has('content-encoding'), part.text()]).toEqual([false, TEXT])
    const none = await testFilter(compress({ types: ['*/*'], minSize: '1B' }), { peers: 0 }).request({
      headers,
    })
    expect([none.status, none.headers.has('content-encoding')]).toEqual([503, false])
    expect(JSON.parse(none.text())).toMatchObject({ status: 503 })
  })

  it('makes a strong ETag weak, and takes back ranges and digests', async () => {
    const answer = await compressed('gzip', {
      ...HTML,
      etag: '"v1"',
      vary: 'Origin',
      'accept-ranges': 'bytes',
      'repr-digest': 'sha-256=:a:',
    })
    expect(answer.headers.get('etag')).toBe('W/"v1"')
    expect(answer.headers.get('vary')).toBe('Origin, Accept-Encoding')
    expect(answer.headers.has('accept-ranges')).toBe(false)
    expect(answer.headers.has('repr-digest')).toBe(false)
    expect((await compressed(null, { ...HTML, etag: '"v1"' })).headers.get('etag')).toBe('"v1"')
    expect((await compressed('gzip', { ...HTML, vary: '*' })).headers.getAll('vary')).toEqual(['*'])
  })

  it('tells HEAD what GET would get', async () => {
    const answer = await compressed('gzip', { ...HTML, etag: '"v1"' }, TEXT, {}, 'HEAD')
    expect([...answer.headers]).toEqual([
      ['content-type', HTML['content-type']],
      ['Vary', 'Accept-Encoding'],
      ['Content-Encoding', 'gzip'],
      ['etag', 'W/"v1"'],
    ])
    expect([answer.contentLength, answer.body.length]).toEqual([null, 0])
  })

  it('works on collected bodies too', async () => {
    const kit = testFilter([compress()], {
      bufferResponseBody: true,
      upstream: () => ({ headers: HTML, body: TEXT }),
    })
    const answer = await kit.request({ headers: { 'accept-encoding': 'gzip' } })
    expect(answer.headers.get('content-encoding')).toBe('gzip')
    expect(gunzipSync(answer.body).toString()).toBe(TEXT)
  })

  it('holds a fast upstream back for a slow client', async () => {
    const noise = Array.from({ length: 200 }, (_, i) =>
      Buffer.from(`${Math.sin(i)}${Math.cos(i)}`.repeat(100)).toString('base64'),
    )
    const kit = testFilter(compress(), {
      windowBytes: 1000,
      upstream: () => ({ headers: HTML, body: noise }),
    })
    const answer = await kit.request({ headers: { 'accept-encoding': 'gzip' } })
    expect(gunzipSync(answer.body).toString()).toBe(noise.join(''))
  })

  it('lets go of what it holds when the client leaves, or the upstream breaks off', async () => {
    const leaver = new AbortController()
    const kit = testFilter(compress(), {
      upstream: () => ({
        headers: HTML,
        body: (async function* () {
          yield TEXT
          leaver.abort()
          yield TEXT
          throw new Error('gone')
        })(),
      }),
    })
    const headers = { 'accept-encoding': 'gzip' }
    expect((await kit.request({ headers, signal: leaver.signal })).error?.code).toBe('HG_CLIENT_ABORTED')
    const broken = await kit.request({ headers })
    expect(broken.error?.reason).toBe('http_response_incomplete')
    expect(kit.liveSessions).toBe(0)
  })

  it.each([
    [{ types: [] }],
    [{ types: ['text'] }],
    [{ codings: ['zstd'] }],
    [{ level: 10 }],
    [{ minSize: 100 }],
    [{ minsize: '1KiB' }],
  ])('refuses the options %j', (options) => {
    expect(compressOptions.safeParse(options).success).toBe(false)
  })
})

describe('the filter decompress', () => {
  const read: Filter<{ text: string }> = {
    name: 'read',
    newCtx: () => ({ text: '' }),
    responseBodyFilter(session, piece, _end, ctx) {
      ctx.text += Buffer.from(piece).toString()
      session.userCtx = ctx.text
      return undefined
    },
  }
  const codedBy = (coding: string, body: Uint8Array | Uint8Array[], headers: object = {}) => ({
    headers: { ...HTML, 'content-encoding': coding, ...headers },
    // The kit overwrites what it has delivered.
    body: Array.isArray(body) ? body.map((piece) => Uint8Array.from(piece)) : Uint8Array.from(body),
  })
  const pieces = (bytes: Uint8Array): Uint8Array[] =>
    Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7))

  it.each([
    ['gzip', gzipSync(TEXT)],
    ['X-Gzip', gzipSync(TEXT)],
    ['deflate', deflateSync(TEXT)],
    ['deflate', deflateRawSync(TEXT)],
    ['br', brotliCompressSync(TEXT)],
  ])('shows filters and clients what is in %s, in pieces of any size', async (coding, bytes) => {
    for (const body of [bytes, pieces(bytes)]) {
      const kit = testFilter([decompress(), read as Filter], {
        upstream: () => codedBy(coding, body, { etag: '"1"', vary: 'accept-encoding, Origin' }),
      })
      const answer = await kit.request({ headers: { 'accept-encoding': 'gzip, br, zstd;q=0.9' } })
      expect(answer.text()).toBe(TEXT)
      expect(answer.session.userCtx).toBe(TEXT)
      expect([...answer.headers]).toEqual([
        ['content-type', HTML['content-type']],
        ['Vary', 'Origin'],
        ['etag', 'W/"1"'],
      ])
      expect(answer.upstreamRequests[0]?.headers.get('accept-encoding')).toBe('gzip, br')
    }
  })

  it('asks the upstream for nothing that the client did not ask for, and for nothing it cannot read', async () => {
    const kit = testFilter(decompress(), { upstream: () => ({ headers: HTML, body: TEXT }) })
    const asked = async (accept: string | null) => {
      const answer = await kit.request({ headers: accept === null ? {} : { 'accept-encoding': accept } })
      // What is not coded keeps its length.
      expect([answer.text(), answer.contentLength]).toEqual([TEXT, TEXT.length])
      return answer.upstreamRequests[0]?.headers.get('accept-encoding')
    }
    expect(await asked(null)).toBeNull()
    expect(await asked('zstd')).toBe('identity')
    expect(await asked('deflate;q=0.5, *')).toBe('deflate;q=0.5')
  })

  it.each([
    ['another coding', codedBy('zstd', Buffer.from('x'))],
    ['two codings', codedBy('gzip, br', Buffer.from('x'))],
    ['no-transform', codedBy('gzip', Buffer.from('x'), { 'cache-control': 'no-transform' })],
    ['a part', { ...codedBy('gzip', Buffer.from('x')), status: 206 }],
  ])('lets %s pass as it is', async (_, upstream) => {
    const answer = await testFilter(decompress(), { upstream: () => upstream }).request()
    expect(answer.headers.get('content-encoding')).toBe(upstream.headers['content-encoding'])
    expect(answer.text()).toBe('x')
  })

  it('knows an empty body, and HEAD', async () => {
    const kit = testFilter(decompress(), { upstream: () => codedBy('gzip', new Uint8Array(0)) })
    const answer = await kit.request()
    expect([answer.status, answer.body.length, answer.headers.has('content-encoding')]).toEqual([
      200,
      0,
      false,
    ])
    const head = await testFilter(decompress(), {
      upstream: () => codedBy('gzip', gzipSync(TEXT)),
    }).request({ method: 'HEAD' })
    expect([head.headers.has('content-encoding'), head.contentLength]).toEqual([false, null])
  })

  it.each([
    ['gzip', gzipSync(Buffer.alloc(64 * 1024 * 1024)), {}],
    ['br', brotliCompressSync(Buffer.alloc(64 * 1024 * 1024)), {}],
    ['deflate', deflateSync(Buffer.alloc(300_000)), { maxDecompressed: '256KiB', maxRatio: 100_000 }],
  ])(
    'A16 stops a bomb in %s while it is read: 502 http_response_body_size',
    async (coding, bytes, options) => {
      let seen = 0
      const count: Filter = {
        name: 'count',
        upstreamResponseBodyFilter(_, piece) {
          seen += piece.length
          return undefined
        },
      }
      const kit = testFilter([decompress(options), count], { upstream: () => codedBy(coding, bytes) })
      const answer = await kit.request({ headers: { 'accept-encoding': coding } })
      expect([answer.status, answer.error?.reason]).toEqual([502, 'http_response_body_size'])
      expect(seen).toBeLessThan(16 * 1024 * 1024)
      expect(answer.headers.get('proxy-status')).toMatch(/http_response_body_size/)
    },
  )

  it('A16 breaks off an answer that turns out to be a bomb when the client has seen its head', async () => {
    const honest = Buffer.from(TEXT)
    const bomb = gzipSync(Buffer.concat([honest, Buffer.alloc(64 * 1024 * 1024)]))
    const kit = testFilter(decompress(), {
      upstream: () => ({
        headers: { ...HTML, 'content-encoding': 'gzip' },
        body: (async function* () {
          yield bomb.subarray(0, 200)
          await new Promise((resolve) => setImmediate(resolve))
          yield bomb.subarray(200)
        })(),
      }),
    })
    const answer = await kit.request()
    expect(answer.error?.reason).toBe('http_response_body_size')
    expect(answer.aborted || answer.status === 502).toBe(true)
    expect(answer.body.length).toBeLessThan(16 * 1024 * 1024)
  })

  it.each([
    ['gzip', Buffer.from('this is not gzip')],
    ['gzip', gzipSync(TEXT).subarray(0, 50)],
    ['br', Buffer.from('nor is this Brotli')],
  ])('refuses what is no valid %s: 502 http_response_content_coding', async (coding, body) => {
    const answer = await testFilter(decompress(), { upstream: () => codedBy(coding, body) }).request()
    expect([answer.status, answer.error?.reason]).toEqual([502, 'http_response_content_coding'])
  })

  it('leaves bodies of clients alone unless it is told', async () => {
    const request = { method: 'POST', headers: { 'content-encoding': 'gzip' }, body: gzipSync('hello') }
    const answer = await testFilter(decompress()).request(request)
    expect(answer.upstreamRequests[0]?.headers.get('content-encoding')).toBe('gzip')
    const body = await answer.upstreamRequests[0]?.body
    expect(gunzipSync(body ?? '').toString()).toBe('hello')
  })

  it.each([
    ['streamed', false, pieces(gzipSync(TEXT))],
    ['of known length', false, gzipSync(TEXT)],
    ['buffered', true, gzipSync(TEXT)],
  ])('decodes bodies of clients, %s, and again for every attempt', async (_, bufferRequestBody, body) => {
    const seen: string[] = []
    const look: Filter = {
      name: 'look',
      requestFilter(session) {
        if (session.requestBody !== null) seen.push(Buffer.from(session.requestBody).toString())
      },
    }
    const kit = testFilter([decompress({ request: true }), look], {
      bufferRequestBody,
      peers: 2,
      upstream: async (request) => {
        await request.body
        if (request.attempt === 1) throw new Error('closes')
        return { body: 'ok' }
      },
    })
    const answer = await kit.request({ method: 'PUT', headers: { 'content-encoding': 'gzip' }, body })
    expect(answer.status).toBe(200)
    expect(answer.upstreamRequests).toHaveLength(2)
    for (const request of answer.upstreamRequests) {
      expect(request.headers.has('content-encoding')).toBe(false)
      expect(Buffer.from(await request.body).toString()).toBe(TEXT)
    }
    expect(seen).toEqual(bufferRequestBody ? [TEXT] : [])
  })

  it.each([[false], [true]])('A16 refuses a bomb of a client with 413, buffered: %s', async (buffered) => {
    const kit = testFilter(decompress({ request: true, maxDecompressed: '1MiB' }), {
      bufferRequestBody: buffered,
    })
    const body = gzipSync(Buffer.alloc(8 * 1024 * 1024))
    const answer = await kit.request({ method: 'POST', headers: { 'content-encoding': 'gzip' }, body })
    expect([answer.status, answer.error?.reason]).toEqual([413, 'http_request_error'])
    const bad = { method: 'POST', headers: { 'content-encoding': 'gzip' }, body: 'no gzip' }
    expect((await kit.request(bad)).status).toBe(400)
  })

  it('with compress behind it every client gets the coding that it likes', async () => {
    const kit = testFilter([decompress(), compress()], {
      upstream: () => codedBy('gzip', gzipSync(TEXT)),
    })
    const answer = await kit.request({ headers: { 'accept-encoding': 'br, gzip' } })
    expect(answer.headers.get('content-encoding')).toBe('br')
    expect(brotliDecompressSync(answer.body).toString()).toBe(TEXT)
  })
})

describe('codings and the cache', () => {
  const FRESH = { ...HTML, 'cache-control': 'max-age=60', etag: '"1"' }

  it('compress stands behind it: one stored answer serves all clients, each in its coding', async () => {
    const kit = testFilter(compress(), { cache: true, upstream: () => ({ headers: FRESH, body: TEXT }) })
    const get = (accept: string) => kit.request({ headers: { 'accept-encoding': accept } })
    const [first, hit, plain] = [await get('gzip'), await get('br'), await get('identity')]
    expect([first, hit, plain].map(({ session }) => session.cacheStatus)).toEqual(['miss', 'hit', 'hit'])
    expect(gunzipSync(first.body).toString()).toBe(TEXT)
    expect(brotliDecompressSync(hit.body).toString()).toBe(TEXT)
    expect(hit.headers.get('etag')).toBe('W/"1"')
    expect([plain.text(), plain.headers.get('etag')]).toEqual([TEXT, '"1"'])
    for (const answer of [first, hit, plain]) expect(answer.headers.get('vary')).toBe('Accept-Encoding')
  })

  it('what the upstream has coded is stored as it came, by its Vary', async () => {
    const kit = testFilter(compress(), {
      cache: true,
      upstream: ({ headers }) =>
        headers.get('accept-encoding') === 'gzip'
          ? {
              headers: { ...FRESH, vary: 'accept-encoding', 'content-encoding': 'gzip' },
              body: gzipSync(TEXT),
            }
          : { headers: { ...FRESH, vary: 'accept-encoding' }, body: TEXT },
    })
    const get = (accept: string) => kit.request({ headers: { 'accept-encoding': accept } })
    const answers = [await get('gzip'), await get('br'), await get('gzip'), await get('br')]
    expect(answers.map(({ session }) => session.cacheStatus)).toEqual(['miss', 'miss', 'hit', 'hit'])
    expect(answers.map(({ headers }) => headers.get('content-encoding'))).toEqual([
      'gzip',
      'br',
      'gzip',
      'br',
    ])
    expect(gunzipSync(answers[2]?.body ?? '').toString()).toBe(TEXT)
    expect(brotliDecompressSync(answers[3]?.body ?? '').toString()).toBe(TEXT)
  })

  it('decompress stands before it: what is stored is the content itself, for clients of any coding', async () => {
    const kit = testFilter(decompress(), {
      cache: true,
      upstream: () => ({
        headers: { ...FRESH, vary: 'accept-encoding', 'content-encoding': 'gzip' },
        body: gzipSync(TEXT),
      }),
    })
    const get = (accept: string) => kit.request({ headers: { 'accept-encoding': accept } })
    const answers = [await get('gzip'), await get('br')]
    expect(answers.map(({ session }) => session.cacheStatus)).toEqual(['miss', 'hit'])
    expect(answers.map((answer) => answer.text())).toEqual([TEXT, TEXT])
  })
})
