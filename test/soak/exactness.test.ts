import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { killedInMidLoad, servedUnderLoad } from '../state/load.js'
import { BACKENDS, type Backend } from '../state/stores-under-test.js'

const SHARED = BACKENDS.filter(({ name }) => !name.startsWith('memory'))
const ROUNDS = 100

describe.each(SHARED)('exactness of $name, in full', ({ start, available }) => {
  const test = available ? it : it.skip
  let backend: Backend

  beforeAll(async () => {
    if (available) backend = await start()
  })
  afterAll(() => backend?.stop())

  test('B-48 50 workers × 1,000 requests in two processes: cap 3 serves 3, a budget of 1.00 at CPM 2.00 serves 500', async () => {
    const load = { spec: backend.spec, processes: 2, threads: 5, workers: 5, requests: 1000 }
    expect(await servedUnderLoad(load)).toEqual({ capped: 3, budgeted: 500 })
  })

  test(`${String(ROUNDS)} rounds of kill -9 in mid-load: nothing that was committed is lost, nothing counts twice`, async () => {
    const store = backend.open(Date.now)
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        await killedInMidLoad(backend.spec, store, 1 + ((round * 37) % 300))
      }
    } finally {
      await store.close()
    }
  })
})

const [lmdb] = SHARED

describe('lmdb that waits for the disk', () => {
  it(`${String(ROUNDS)} rounds of kill -9`, async () => {
    if (lmdb === undefined) throw new Error('no lmdb')
    const backend = await lmdb.start()
    const spec =
      backend.spec.kind === 'lmdb' ? { ...backend.spec, durability: 'disk' as const } : backend.spec
    const store = backend.open(Date.now)
    try {
      for (let round = 0; round < ROUNDS; round += 1)
        await killedInMidLoad(spec, store, 1 + ((round * 37) % 300))
    } finally {
      await store.close()
      await backend.stop()
    }
  })
})
