import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { FrozenInstanceError, SessionContext, type SessionContextJson } from '#src/ads/index.js'
import { collectGarbage } from '../support/collect-garbage.js'

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const REQUEST_ID = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const FIELDS = ['timestamp', 'correlator', 'cachebusting', 'requestId', 'cookies'] as const

/** The first 64 bits of all three ids of many contexts, made in a worker thread. 60 of them are random. */
async function idsOfWorker(count: number): Promise<BigUint64Array> {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     import(workerData.module).then(({ SessionContext }) => {
       const ids = new BigUint64Array(3 * workerData.count)
       const bits = (uuid) => BigInt('0x' + uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(14, 18))
       for (let i = 0; i < ids.length; i += 3) {
         const context = SessionContext.create()
         ids[i] = bits(context.correlator)
         ids[i + 1] = bits(context.cachebusting)
         ids[i + 2] = bits(context.requestId.slice(4))
       }
       parentPort.postMessage(ids, [ids.buffer])
     })`,
    { eval: true, workerData: { module: import.meta.resolve('#src/ads/index.js'), count } },
  )
  const [ids] = (await once(worker, 'message')) as [BigUint64Array]
  await worker.terminate()
  return ids
}

/** Runs JavaScript that is a mistake for the types, as a caller without types may. */
function attempt(context: SessionContext, change: (target: Record<string, unknown>) => void): unknown {
  try {
    change(context as unknown as Record<string, unknown>)
    return null
  } catch (error) {
    return error
  }
}

describe('SessionContext.create', () => {
  it('B-02, B-05 makes a context without arguments, synchronously', () => {
    const context = SessionContext.create()
    expect(context).toBeInstanceOf(SessionContext)
    expect(`Request ID: ${context.requestId}, Timestamp: ${context.timestamp}`).toMatch(
      /^Request ID: req-.+, Timestamp: \d+$/,
    )
  })

  it('B-06 has exactly five own enumerable fields, and five in JSON form with request_id (D2)', () => {
    const context = SessionContext.create()
    expect(Object.keys(context).sort()).toEqual([...FIELDS].sort())
    expect(Object.keys(JSON.parse(JSON.stringify(context))).sort()).toEqual([
      'cachebusting',
      'cookies',
      'correlator',
      'request_id',
      'timestamp',
    ])
  })

  it('B-07 takes the timestamp in whole milliseconds between before and after', () => {
    const before = Date.now()
    const { timestamp } = SessionContext.create()
    expect(Number.isSafeInteger(timestamp)).toBe(true)
    expect(timestamp).toBeGreaterThanOrEqual(before)
    expect(timestamp).toBeLessThanOrEqual(Date.now())
  })

  it('B-08, B-09, B-10 makes a UUID v4 correlator and cachebusting, and a req-<uuid> request id', () => {
    const context = SessionContext.create()
    expect(context.correlator).toMatch(UUID_V4)
    expect(context.cachebusting).toMatch(UUID_V4)
    expect(context.requestId).toMatch(REQUEST_ID)
  })

  it('B-11 has empty cookies without prototype keys, not shared between contexts', () => {
    const one = SessionContext.create()
    const other = SessionContext.create()
    expect(Object.keys(one.cookies)).toEqual([])
    expect('constructor' in one.cookies).toBe(false)
    expect('__proto__' in one.cookies).toBe(false)
    expect(one.cookies).not.toBe(other.cookies)
  })

  it('B-12 describes itself in five labelled lines', () => {
    const context = SessionContext.create()
    expect(context.describe()).toBe(
      [
        `Timestamp (ms): ${context.timestamp}`,
        `Correlator: ${context.correlator}`,
        `Cachebusting: ${context.cachebusting}`,
        `Request ID: ${context.requestId}`,
        'Cookies: {}',
      ].join('\n'),
    )
  })

  it('B-13 differs between contexts, and its three ids differ from each other', () => {
    const ids = Array.from({ length: 1000 }, () => SessionContext.create()).flatMap((context) => [
      context.correlator,
      context.cachebusting,
      context.requestId.slice('req-'.length),
    ])
    expect(new Set(ids).size).toBe(3000)
  })

  it('B-13 makes no duplicate in a million contexts from four worker threads', async () => {
    const perWorker = 250_000
    const ids = await Promise.all(Array.from({ length: 4 }, () => idsOfWorker(perWorker)))
    const all = new BigUint64Array(4 * 3 * perWorker)
    for (const [index, part] of ids.entries()) all.set(part, index * 3 * perWorker)
    all.sort()
    let duplicates = 0
    for (let i = 1; i < all.length; i += 1) if (all[i] === all[i - 1]) duplicates += 1
    expect(all.length).toBe(3_000_000)
    expect(duplicates).toBe(0)
  })

  it('B-14 is a few hundred bytes', async () => {
    const count = 20_000
    const contexts = Array.from({ length: count }, () => SessionContext.create())
    await collectGarbage()
    const withBytes = process.memoryUsage().heapUsed
    contexts.length = 0
    await collectGarbage()
    expect((withBytes - process.memoryUsage().heapUsed) / count).toBeLessThan(1500)
  })

  it('B-15 takes over the given cookies and nothing else, also names that objects have by themselves', () => {
    const cookies = JSON.parse(
      '{"user_id":"u1","session_id":"","__proto__":"x","constructor":"y"}',
    ) as Record<string, string>
    const context = SessionContext.create({ cookies })
    expect(Object.entries(context.cookies)).toEqual(Object.entries(cookies))
    expect(context.cookies['user_id'] ?? 'anonymous').toBe('u1')
    expect(context.cookies['missing'] ?? 'anonymous').toBe('anonymous')
    expect(Object.getPrototypeOf(context.cookies)).toBeNull()
  })

  it('A-23 takes the request id of the gateway session when it is given', () => {
    expect(SessionContext.create({ requestId: 'req-a1b2c3d4-e5f6-7890-abcd-ef1234567890' }).requestId).toBe(
      'req-a1b2c3d4-e5f6-7890-abcd-ef1234567890',
    )
  })
})

describe('immutability', () => {
  it.each(FIELDS)('B-18 assigning %s throws FrozenInstanceError', (field) => {
    const context = SessionContext.create()
    const before = context[field]
    const error = attempt(context, (target) => {
      target[field] = 999
    })
    expect(error).toBeInstanceOf(FrozenInstanceError)
    expect(error).toBeInstanceOf(TypeError)
    expect(String(error)).toBe(`FrozenInstanceError: cannot assign to field '${field}'`)
    expect(context[field]).toBe(before)
  })

  it('B-18 adding, deleting and redefining a field, and changing the prototype, throw it too', () => {
    const context = SessionContext.create()
    const messages = [
      attempt(context, (target) => {
        target['x'] = 1
      }),
      attempt(context, (target) => {
        delete target['x']
      }),
      attempt(context, (target) => {
        delete target['timestamp']
      }),
      attempt(context, (target) => {
        Object.defineProperty(target, 'timestamp', { value: 1 })
      }),
      attempt(context, (target) => {
        Object.setPrototypeOf(target, null)
      }),
    ].map(String)
    expect(messages).toEqual([
      "FrozenInstanceError: cannot assign to field 'x'",
      "FrozenInstanceError: cannot delete field 'x'",
      "FrozenInstanceError: cannot delete field 'timestamp'",
      "FrozenInstanceError: cannot assign to field 'timestamp'",
      "FrozenInstanceError: cannot assign to field '__proto__'",
    ])
    expect(Object.keys(context)).toHaveLength(5)
  })

  it('B-20 cookies cannot be changed either, nor through the object that the caller passed in', () => {
    const cookies: Record<string, string> = { user_id: 'u1' }
    const context = SessionContext.create({ cookies })
    cookies['user_id'] = 'u2'
    cookies['other'] = 'x'
    expect({ ...context.cookies }).toEqual({ user_id: 'u1' })
    expect(() => {
      ;(context.cookies as Record<string, string>)['user_id'] = 'x'
    }).toThrow(new FrozenInstanceError('assign to', 'user_id'))
    expect(() => {
      delete (context.cookies as Record<string, string>)['user_id']
    }).toThrow(new FrozenInstanceError('delete', 'user_id'))
    expect(context.cookies['user_id']).toBe('u1')
  })

  it('B-19 stays the same when 1000 concurrent tasks share it', async () => {
    const context = SessionContext.create({ cookies: { user_id: 'u1' } })
    const text = JSON.stringify(context)
    const seen = await Promise.all(
      Array.from({ length: 1000 }, async (_, index) => {
        await Promise.resolve()
        attempt(context, (target) => {
          target['correlator'] = String(index)
        })
        return JSON.stringify(context)
      }),
    )
    expect(new Set([...seen, text]).size).toBe(1)
  })
})

describe('crossing threads', () => {
  it('B-19 is equal and immutable again after its JSON form crossed to a worker thread and back', async () => {
    const context = SessionContext.create({ cookies: { user_id: 'u1' } })
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       import(workerData.module).then(({ SessionContext }) => {
         const context = SessionContext.fromJSON(workerData.context)
         let error = ''
         try { context.timestamp = 1 } catch (caught) { error = String(caught) }
         parentPort.postMessage({ error, json: context.toJSON(), text: context.describe() })
       })`,
      {
        eval: true,
        workerData: { module: import.meta.resolve('#src/ads/index.js'), context: context.toJSON() },
      },
    )
    const [answer] = (await once(worker, 'message')) as [
      { error: string; json: SessionContextJson; text: string },
    ]
    await worker.terminate()
    expect(answer.error).toBe("FrozenInstanceError: cannot assign to field 'timestamp'")
    expect(answer.text).toBe(context.describe())
    expect(SessionContext.fromJSON(answer.json).toJSON()).toEqual(context.toJSON())
  })

  it('B-19 refuses a bare structured clone, which would lose the immutability in silence', () => {
    expect(() => structuredClone(SessionContext.create())).toThrow(/could not be cloned/)
  })

  it('B-10 does not insist on a UUID version in what it is given', () => {
    const json = {
      ...SessionContext.create().toJSON(),
      request_id: 'req-a1b2c3d4-e5f6-7890-abcd-ef1234567890',
    }
    expect(SessionContext.fromJSON(json).requestId).toBe(json.request_id)
  })

  it.each([
    [{ timestamp: 1.5 }, "'timestamp' must be whole milliseconds"],
    [{ timestamp: undefined }, "'timestamp' must be whole milliseconds"],
    [{ correlator: 1 }, "'correlator' must be a string"],
    [{ request_id: undefined }, "'request_id' must be a string"],
    [{ cookies: { a: 1 } }, "cookie 'a' must be a string"],
  ])('refuses %j', (change, message) => {
    const json = { ...SessionContext.create().toJSON(), ...change } as unknown as SessionContextJson
    expect(() => SessionContext.fromJSON(json)).toThrow(new TypeError(message))
  })
})

it('B-21 gives the same correlator every time it is read', () => {
  const context = SessionContext.create({ cookies: { id: randomUUID() } })
  const records = Array.from({ length: 3 }, () =>
    JSON.parse(JSON.stringify({ msg: 'x', ...context.toJSON() })),
  )
  expect(new Set(records.map((record) => record.correlator))).toEqual(new Set([context.correlator]))
})
