import { expect, it } from 'vitest'
import { found } from './request-seeds.js'
import { fuzzResponses, ResponseRig } from './response-fuzzer.js'

it('A8 what an earlier run has found in responses stays mended', async () => {
  const rig = await ResponseRig.start()
  try {
    for (const { name, text } of found('responses')) {
      for (const method of ['GET', 'HEAD'])
        expect(await rig.judge({ text, cuts: [] }, method), name).toEqual([])
    }
  } finally {
    await rig.close()
  }
})

it('A7 A8 mutated responses are read as Node reads them or refused, and nothing of them is left for the next answer', {
  timeout: 60_000,
}, async () => {
  for (const seed of [9112, 9110]) {
    const options = { seed, seconds: 25, mostInputs: 600, mostFinds: 2 }
    const { finds, inputs, accepted } = await fuzzResponses(options)
    process.stdout.write(`fuzz responses: seed ${seed}, ${inputs} inputs, ${accepted} accepted\n`)
    expect(finds, `again with: npm run fuzz -- --only responses --seed ${seed}`).toEqual([])
    expect(accepted).toBeGreaterThan(inputs / 50)
    expect(accepted).toBeLessThan(inputs)
  }
})
