import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NodeOracle, type NodeVerdict } from './support/node-client.js'
import { readResponse, splits, type Transcript } from './support/read-response.js'
import { mutatedSample, type Sample, validSample } from './support/response-corpus.js'

/** Another seed or more runs: `FUZZ_SEED=7 FUZZ_RUNS=20000 npx vitest run test/upstream-http1/differential.test.ts`. */
const seed = Number(process.env['FUZZ_SEED'] ?? 9112)
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 1500)

interface Difference {
  readonly why: string
  readonly problem: string
  /** What of the response shows it; any when not given. */
  readonly shows?: RegExp
}

/**
 * What we refuse and Node's client (llhttp, strict) takes, all of it on purpose: two readers could differ on such
 * bytes, and a gateway must not be one of them.
 */
const STRICTER: readonly Difference[] = [
  {
    why: 'RFC 9112 §2.2 lets only servers skip empty lines before a message',
    problem: 'the status line is invalid',
    shows: /(^|\n)[\r\n]+HTTP\/1\./,
  },
  {
    why: 'a reason phrase holds no control character and no bare CR (RFC 9112 §4)',
    problem: 'the status line is invalid',
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    shows: /(^|\n)HTTP\/1\.[01] \d{3}[^\n]*([\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r[^\n])/,
  },
  {
    why: 'a status is 100 to 599 (RFC 9110 §15)',
    problem: 'the status line is invalid',
    shows: /(^|\n)HTTP\/1\.[01] [06-9]\d\d/,
  },
  {
    why: 'versions other than 1.0 and 1.1 are not ours',
    problem: 'the status line is invalid',
    shows: /(^|\n)HTTP\/(0\.9|2\.0) /,
  },
  {
    why: 'we cannot decode another coding, and Node would read to the end of the connection',
    problem: 'the response has a Transfer-Encoding other than chunked',
  },
  {
    why: 'HTTP/1.0 knows no Transfer-Encoding (RFC 9112 §6.1)',
    problem: 'the response has Transfer-Encoding in HTTP/1.0',
  },
  {
    why: 'an interim response that announces a body could be followed by one',
    problem: 'the response has an interim response with a body',
  },
  {
    why: 'an interim response that ends the connection leaves no room for the final one',
    problem: 'the response has an interim response that ends the connection',
  },
  {
    why: 'more than 15 digits do not fit a double',
    problem: 'the response has several Content-Length fields, or an invalid one',
    shows: /content-length:[ \t]*\d{16}/i,
  },
  {
    why: 'Node takes a 101 without Upgrade for a final response',
    problem: 'the response has a 101 that was not asked for',
  },
  {
    why: 'llhttp takes a quote within an unquoted chunk extension value; RFC 9112 §7.1.1 does not',
    problem: 'the chunked body has an invalid chunk extension',
  },
  { why: '8 digits are 4 GiB', problem: 'the chunked body has a chunk size of more than 8 digits' },
]

/** What Node refuses and we take: valid by RFC 9112, and nothing of it is passed on. */
const LOOSER: readonly { why: string; shows: RegExp }[] = [
  {
    why: 'framing fields in trailers are dropped',
    shows: /\r\n0[^\r\n]*\r\n([^\r\n]+\r\n)*(content-length|transfer-encoding):/i,
  },
]

let oracle: NodeOracle
beforeAll(async () => {
  oracle = await NodeOracle.start()
})
afterAll(() => oracle.stop())

/** One outcome for all splits. */
function ours({ method, text }: Sample): Transcript {
  const bytes = Buffer.from(text, 'latin1')
  const options = { method, closed: true }
  const whole = readResponse([bytes], options)
  const wanted = JSON.stringify(whole)
  for (const pieces of splits(bytes)) {
    if (JSON.stringify(readResponse(pieces, options)) !== wanted) {
      expect({ split: pieces.map((piece) => piece.length), ...readResponse(pieces, options) }).toEqual(whole)
    }
  }
  return whole
}

/** Hop-by-hop, framing, and Date, which the acceptor writes itself. */
const HOP_BY_HOP =
  /^(date|connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|content-length)$/i

/** Never taken over from trailers (RFC 9110 §6.5.1). */
const UNWANTED_TRAILER = /^set-cookie$/i

function fieldsOf(block: string): [string, string][] {
  return block
    .split('\r\n')
    .slice(0, -1)
    .map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
    })
}

/** Node's field list as we would have to report it. */
function forwarded(fields: readonly [string, string][]): [string, string][] {
  const named = fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(','))
    .map((option) => option.trim())
    .filter((option) => option.startsWith('x-'))
  return fields.filter(([name]) => !HOP_BY_HOP.test(name) && !named.includes(name.toLowerCase()))
}

function expectSame(transcript: Transcript, verdict: NodeVerdict): void {
  expect({
    status: transcript.head?.status,
    statusText: transcript.head?.statusText,
    interim: transcript.interim.map((it) => Number(it.slice(0, 3))),
    fields: fieldsOf(transcript.head?.headerBlock ?? ''),
    body: transcript.body,
    trailers: fieldsOf(transcript.trailers),
  }).toEqual({
    ...verdict,
    fields: forwarded(verdict.fields),
    trailers: forwarded(verdict.trailers).filter(([name]) => !UNWANTED_TRAILER.test(name)),
  })
}

describe('differential against the HTTP client of Node', { timeout: 300_000 }, () => {
  it('reads valid responses as Node does, whatever the split', async () => {
    await fc.assert(
      fc.asyncProperty(validSample, async (sample) => {
        const transcript = ours(sample)
        expect(transcript.state, sample.text).toBe('complete')
        const verdict = await oracle.ask(sample.method, Buffer.from(sample.text, 'latin1'))
        if (verdict === null) throw new Error('Node refused a response that is meant to be valid')
        expectSame(transcript, verdict)
      }),
      { seed, numRuns: Math.ceil(numRuns / 4), endOnFailure: true },
    )
  })

  it('refuses what Node refuses, and reads the rest as Node does, unless we are stricter on purpose', async () => {
    await fc.assert(
      fc.asyncProperty(mutatedSample, async (sample) => {
        const transcript = ours(sample)
        const verdict = await oracle.ask(sample.method, Buffer.from(sample.text, 'latin1'))
        if (transcript.state !== 'complete') {
          if (verdict === null) return
          const stricter = STRICTER.some(
            ({ problem, shows }) => problem === transcript.problem && (shows?.test(sample.text) ?? true),
          )
          expect(stricter, `only we refuse ${JSON.stringify(sample)}`).toBe(true)
        } else if (transcript.consumed < sample.text.length) {
          // Bytes after the response. Node may refuse both; we deliver what is complete and drop the connection (A7).
          if (verdict !== null) expectSame(transcript, verdict)
        } else {
          if (verdict === null && LOOSER.some(({ shows }) => shows.test(sample.text))) return
          expect(verdict, `only Node refuses ${JSON.stringify(sample)}`).not.toBeNull()
          if (verdict !== null) expectSame(transcript, verdict)
        }
      }),
      { seed, numRuns, endOnFailure: true },
    )
  })
})
