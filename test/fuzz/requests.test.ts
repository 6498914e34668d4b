import { describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { fuzzRequests, RequestRig } from './request-fuzzer.js'
import { found } from './request-seeds.js'

/** Linux has all of 127/8 on its loopback interface, by which the inputs are told apart. */
const run = process.platform === 'linux' ? describe : describe.skip
if (process.platform !== 'linux')
  console.warn('SKIPPED: fuzzing of requests, which needs the loopback of Linux')

run.each(ACCEPTOR_KINDS)('mutated requests over %s', (kind) => {
  it('what an earlier run has found stays mended', async () => {
    const rig = await RequestRig.start(kind)
    try {
      const finds = []
      // Alone, and all at once.
      for (const { text } of found('requests')) finds.push(...(await rig.play([{ text, cuts: [] }])).finds)
      finds.push(...(await rig.play(found('requests').map(({ text }) => ({ text, cuts: [] })))).finds)
      expect(finds).toEqual([])
    } finally {
      await rig.close()
    }
  })

  it('B1 B2 B3 B4 what reaches the origin is what a strict server reads, and what the log says', {
    timeout: 60_000,
  }, async () => {
    // The same inputs in each run; new ones are for `npm run fuzz`.
    for (const seed of [9112, 9110]) {
      const options = { seed, seconds: 25, mostInputs: 750, mostFinds: 2 }
      const { finds, inputs, accepted } = await fuzzRequests(kind, options)
      process.stdout.write(`fuzz ${kind}: seed ${seed}, ${inputs} inputs, ${accepted} accepted\n`)
      expect(finds, `again with: npm run fuzz -- --only ${kind} --seed ${seed}`).toEqual([])
      // The inputs must hit both sides, or they show nothing.
      expect(accepted).toBeGreaterThan(inputs / 50)
      expect(accepted).toBeLessThan(inputs)
    }
  })
})
