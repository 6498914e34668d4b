import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NodeOracle, type NodeVerdict } from './support/node-client.js'
import { readResponse, splits, type Transcript } from './support/read-response.js'
import { mutatedSample, type Sample, validSample } from './support/response-corpus.js'

/** Another seed or more runs: `FUZZ_SEED=7 FUZZ_RUNS=20000 npx vitest run test/upstream-http1/differential.test.ts`. */
const seed = Number(process.env['FUZZ_SEED'] ?? 9112)
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 1500)

/**
 * Where we refuse what Node 20's client (llhttp, strict) takes. Each entry is deliberate: two readers could differ on
 * such bytes, and a gateway must not be one of them.
 */
const STRICTER: readonly { why: string; applies(text: string, transcript: Transcript): boolean }[] = []

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

const HOP_BY_HOP = /^(connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|content-length)$/i

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
  }).toEqual({ ...verdict, fields: forwarded(verdict.fields), trailers: forwarded(verdict.trailers) })
}

describe('differential against the HTTP client of Node', () => {
  it('reads valid responses as Node does, whatever the split', async () => {
    await fc.assert(
      fc.asyncProperty(validSample, async (sample) => {
        const transcript = ours(sample)
        expect(transcript.state, sample.text).toBe('complete')
        const verdict = await oracle.ask(sample.method, Buffer.from(sample.text, 'latin1'))
        if (verdict === null) throw new Error('Node refused a response that is meant to be valid')
        expectSame(transcript, verdict)
      }),
      { seed, numRuns: Math.ceil(numRuns / 4) },
    )
  })

  it('refuses what Node refuses, and reads the rest as Node does, unless we are stricter on purpose', async () => {
    await fc.assert(
      fc.asyncProperty(mutatedSample, async (sample) => {
        const transcript = ours(sample)
        const verdict = await oracle.ask(sample.method, Buffer.from(sample.text, 'latin1'))
        if (transcript.state !== 'complete') {
          if (verdict === null) return
          const stricter = STRICTER.some(({ applies }) => applies(sample.text, transcript))
          expect(stricter, `only we refuse ${JSON.stringify(sample)}`).toBe(true)
        } else {
          expect(verdict, `only Node refuses ${JSON.stringify(sample)}`).not.toBeNull()
          if (verdict !== null) expectSame(transcript, verdict)
        }
      }),
      { seed, numRuns },
    )
  })
})
