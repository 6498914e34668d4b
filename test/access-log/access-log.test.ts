import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { commonLine } from '#src/access-log/common-line.js'
import { jsonLine } from '#src/access-log/json-line.js'
import { LineSink } from '#src/access-log/line-sink.js'
import { msText } from '#src/access-log/ms-text.js'
import { Redactor, SECRET_NAMES } from '#src/access-log/redactor.js'
import { Sampler } from '#src/access-log/sampler.js'
import { type LoggedEntry, NO_ENTRY } from '#src/access-log/types.js'

const redactor = new Redactor(SECRET_NAMES)
const NOBODY: LoggedEntry = { ...NO_ENTRY, timeMs: Date.UTC(2026, 10, 22, 12, 0, 0, 7), every: 1 }

function jsonOf(
  entry: Partial<LoggedEntry>,
  headers: readonly string[] = [],
): { line: string; fields: unknown } {
  const line = jsonLine({ redactor, headers, base: { worker: 3 } })({ ...NOBODY, ...entry })
  return { line, fields: JSON.parse(line) }
}

describe('B21 a line of JSON', () => {
  it('is one line of printable ASCII that says what the client sent, whatever that was', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 })
    fc.assert(
      fc.property(text, text, (host, path) => {
        const { line, fields } = jsonOf({ host, target: `/${path.replaceAll('?', '')}` })
        expect(line).toMatch(/^[\x20-\x7e]+\n$/)
        expect(fields).toMatchObject({ worker: 3, path: `/${path.replaceAll('?', '')}` })
        if (host !== '') expect(fields).toMatchObject({ host })
      }),
    )
  })

  it('cuts long fields at 1 KiB and says so', () => {
    const { fields } = jsonOf({ target: `/${'x'.repeat(70_000)}`, header: () => 'y'.repeat(64_000) }, [
      'user-agent',
    ])
    expect(fields).toMatchObject({
      truncated: true,
      path: `/${'x'.repeat(1023)}`,
      headers: { 'user-agent': 'y'.repeat(1024) },
    })
    expect(jsonOf({ target: '/' }).fields).not.toHaveProperty('truncated')
  })

  it('is what pino would have written', () => {
    const lines: string[] = []
    const options = {
      base: { worker: 3 },
      formatters: { level: (label: string) => ({ level: label }) },
      timestamp: () => ',"time":"2026-11-22T12:00:00.007Z"',
    }
    const logger = pino(options, { write: (line: string) => lines.push(line) })
    const texts = { requestId: 'r"1', client: '192.0.2.1', method: 'GET', host: 'a\\b', route: '/\u00e4/*' }
    const { line } = jsonOf(
      {
        ...texts,
        traceId: 'ab',
        target: '/p?x=1&token=2',
        status: 502,
        upstream: 'u:1',
        upstreamStatus: 503,
        tries: 2,
        reason: 'connection_refused',
        code: 'HG_X',
        cache: 'miss',
        bytesIn: 1,
        bytesOut: 2 ** 40,
        queueMs: 0.0512,
        connectMs: 0,
        responseMs: 1234.5678,
        totalMs: 1235,
        overheadMs: 0.5,
        every: 10,
        header: (name) => (name === 'user-agent' ? 'x\n' : null),
      },
      ['user-agent', 'referer'],
    )
    const { requestId: reqId, client, method, host, route } = texts
    const request = {
      reqId,
      traceId: 'ab',
      client,
      method,
      host,
      path: '/p',
      query: 'x=1&token=[redacted]',
      route,
    }
    const answer = {
      status: 502,
      upstream: 'u:1',
      upstreamStatus: 503,
      tries: 2,
      reason: 'connection_refused',
    }
    const numbers = {
      bytesIn: 1,
      bytesOut: 2 ** 40,
      tQueue: 0.051,
      tConnect: 0,
      tResponse: 1234.568,
      tActive: 1235,
    }
    logger.info(
      {
        ...request,
        ...answer,
        code: 'HG_X',
        cache: 'miss',
        ...numbers,
        overheadUs: 500,
        headers: { 'user-agent': 'x\n' },
        sampled: 10,
      },
      'session',
    )
    expect(line).toBe(lines[0]?.replace('\u00e4', '\\u00e4'))
  })

  it('writes lengths with three decimals, as JavaScript writes such numbers', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => {
        expect(msText(ms)).toBe(String(Math.round(ms * 1000) / 1000))
      }),
    )
  })

  it('has -1 for what was never reached', () => {
    expect(jsonOf({ status: 503 }).fields).toMatchObject({
      tQueue: -1,
      tConnect: -1,
      tResponse: -1,
      tActive: -1,
      overheadUs: -1,
    })
    expect(jsonOf({ queueMs: 0.12345, overheadMs: 0.0127 }).fields).toMatchObject({
      tQueue: 0.123,
      overheadUs: 13,
    })
  })
})

describe('B22 secrets', () => {
  it.each([
    ['token=abc', 'token=[redacted]'],
    ['a=1&TOKEN=abc&b=2', 'a=1&TOKEN=[redacted]&b=2'],
    ['%74oken=abc', '%74oken=[redacted]'],
    ['%2574oken=abc', '%2574oken=[redacted]'],
    ['token[]=a;password=b', 'token[]=[redacted];password=[redacted]'],
    ['+token+=a=b', '+token+=[redacted]'],
    ['q=token&flag', 'q=token&flag'],
    ['', ''],
  ])('of the query %s stays %s', (query, logged) => {
    expect(redactor.query(query)).toBe(logged)
  })

  it('go out of URLs in headers, with user, password and fragment', () => {
    expect(redactor.header('referer', 'https://me:pw@a.test/p?token=x&y=1#access_token=z')).toBe(
      'https://a.test/p?token=[redacted]&y=1',
    )
    expect(redactor.header('authorization', 'Bearer x')).toBe('[redacted]')
    expect(redactor.header('accept', 'text/html')).toBe('text/html')
  })
})

describe('common and combined lines', () => {
  it('are those of Apache, with what is not printable escaped', () => {
    const entry: LoggedEntry = {
      ...NOBODY,
      timeMs: Date.UTC(2000, 9, 10, 13, 55, 36),
      client: '192.0.2.1',
      method: 'GET',
      target: '/a?token=x&b="',
      status: 200,
      bytesOut: 2326,
      header: (name) => (name === 'user-agent' ? 'x"\u001b[31m\n' : null),
    }
    const common =
      '192.0.2.1 - - [10/Oct/2000:13:55:36 +0000] "GET /a?token=[redacted]&b=\\" HTTP/1.1" 200 2326'
    expect(commonLine(redactor, false)(entry)).toBe(`${common}\n`)
    expect(commonLine(redactor, true)(entry)).toBe(`${common} "-" "x\\"\\x1b[31m\\x0a"\n`)
  })
})

describe('sampling', () => {
  it('keeps all errors and slow sessions, and every n-th of the rest', () => {
    const sampler = new Sampler(10, 1000)
    const fast = Array.from({ length: 40 }, () => sampler.take(200, false, 5))
    expect(fast.filter((every) => every > 0)).toEqual([10, 10, 10, 10])
    for (const status of [0, 400, 404, 500, 503]) expect(sampler.take(status, false, 5)).toBe(1)
    expect(sampler.take(200, true, 5)).toBe(1)
    expect(sampler.take(200, false, 1000)).toBe(1)
  })

  it('none is slow when there is no limit', () => {
    expect(new Sampler(2, 0).take(200, false, 1e9)).toBe(0)
  })
})

describe('the sink', () => {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-sink-'))
  const lines = (from: number, to: number): Buffer =>
    Buffer.from(Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join(''))

  it('C12 drops and counts what a full disk does not take, and goes on with whole lines when it has room', () => {
    const file = join(folder, 'full.log')
    closeSync(openSync(file, 'w'))
    let room = 20
    let written = ''
    const sink = new LineSink({
      file,
      wait: () => false,
      write: (_, bytes) => {
        if (room === 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
        const taken = Math.min(room, bytes.length)
        room -= taken
        written += Buffer.from(bytes.subarray(0, taken)).toString()
        return taken
      },
    })
    sink.write(lines(0, 5))
    expect([sink.dropped, sink.problem]).toEqual([3, 'ENOSPC'])
    room = 1e6
    sink.write(lines(5, 7))
    expect(written.split('\n')).toEqual(['line 0', 'line 1', 'line 2'.slice(0, 6), 'line 5', 'line 6', ''])
    expect(sink.problem).toBe('')
    sink.close()
  })

  it('gives a reader that takes nothing up when it is told to', () => {
    let tries = 0
    const sink = new LineSink({
      file: join(folder, 'slow.log'),
      wait: () => {
        tries += 1
        return tries < 3
      },
      write: () => {
        throw Object.assign(new Error('try again'), { code: 'EAGAIN' })
      },
    })
    sink.write(lines(0, 2))
    expect([tries, sink.dropped]).toEqual([3, 2])
    sink.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('appends to what is there, and follows its name when the file was moved away', async () => {
    const place = mkdtempSync(join(tmpdir(), 'headgate-rotate-'))
    const file = join(place, 'access.log')
    const { renameSync, writeFileSync } = await import('node:fs')
    writeFileSync(file, 'before\n')
    const sink = new LineSink({ file, wait: () => false })
    sink.write(lines(0, 1))
    renameSync(file, `${file}.1`)
    sink.write(lines(1, 2))
    sink.reopen()
    sink.write(lines(2, 3))
    sink.close()
    expect(readFileSync(`${file}.1`, 'utf8')).toBe('before\nline 0\nline 1\n')
    expect(readFileSync(file, 'utf8')).toBe('line 2\n')
    rmSync(place, { recursive: true, force: true })
  })
})
