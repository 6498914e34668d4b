import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { askNode } from './support/node-client.js'
import { differenceFromNode } from './support/node-differences.js'
import { readResponse, splits, type Transcript } from './support/read-response.js'
import { mutatedSample, type Sample, validSample } from './support/response-corpus.js'

/** Another seed or more runs: `FUZZ_SEED=7 FUZZ_RUNS=20000 npx vitest run test/upstream-http1/differential.test.ts`. */
const seed = Number(process.env['FUZZ_SEED'] ?? 9112)
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 1500)

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

describe('differential against the HTTP client of Node', { timeout: 300_000 }, () => {
  it('reads valid responses as Node does, whatever the split', async () => {
    await fc.assert(
      fc.asyncProperty(validSample, async (sample) => {
        const transcript = ours(sample)
        expect(transcript.state, sample.text).toBe('complete')
        const verdict = await askNode(sample.method, Buffer.from(sample.text, 'latin1'))
        if (verdict === null) throw new Error('Node refused a response that is meant to be valid')
        expect(differenceFromNode(sample.text, transcript, verdict)).toBeNull()
      }),
      { seed, numRuns: Math.ceil(numRuns / 4), endOnFailure: true },
    )
  })

  it('refuses what Node refuses, and reads the rest as Node does, unless we are stricter on purpose', async () => {
    await fc.assert(
      fc.asyncProperty(mutatedSample, async (sample) => {
        const verdict = await askNode(sample.method, Buffer.from(sample.text, 'latin1'))
        expect(differenceFromNode(sample.text, ours(sample), verdict)).toBeNull()
      }),
      { seed, numRuns, endOnFailure: true },
    )
  })
})
