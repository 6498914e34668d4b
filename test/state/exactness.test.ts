import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { killedInMidLoad, servedUnderLoad } from './load.js'
import { BACKENDS, type Backend } from './stores-under-test.js'

// The full forms (50 workers × 1,000 requests, 100 kills) are in test/soak.
const SHARED = BACKENDS.filter(({ name }) => !name.startsWith('memory'))
const LOAD = { processes: 2, threads: 2, workers: 13 }
const KILLS = 5

describe.each(SHARED)('exactness of $name', ({ start, available }) => {
  const test = available ? it : it.skip
  let backend: Backend

  beforeAll(async () => {
    if (available) backend = await start()
  })
  afterAll(() => backend?.stop())

  test('C11 B-48, F-02, F-55 two processes with threads, 52 workers: cap 3 serves 3, a budget of 1.00 at CPM 2.00 serves 500', async () => {
    expect(await servedUnderLoad({ ...LOAD, spec: backend.spec, requests: 20 })).toEqual({
      capped: 3,
      budgeted: 500,
    })
  })
})

const KILLED = SHARED.filter(({ name }) => name !== 'redis cluster')

describe.each(KILLED)('kill -9 of a process that spends in $name', ({ start, available }) => {
  const test = available ? it : it.skip

  test(`C13 F-05 ${String(KILLS)} times in mid-load: nothing that was committed is lost, nothing counts twice`, async () => {
    const backend = await start()
    const store = backend.open(Date.now)
    try {
      for (let round = 1; round <= KILLS; round += 1) {
        const { answered } = await killedInMidLoad(backend.spec, store, 20 * round + round)
        expect(answered).toBeGreaterThanOrEqual(20 * round)
      }
    } finally {
      await store.close()
      await backend.stop()
    }
  })
})
