import { expect, it } from 'vitest'
import { HEAD, openStores, put, take } from './support.js'

const MIB = 1024 * 1024

it('readers in other threads follow a fill of unknown length and see its end', async () => {
  const [store, other] = openStores(8 * MIB)
  const fill = store.begin('k', HEAD)
  const reader = other.findFilling('k')
  if (fill === null || reader === null) throw new Error('no fill')
  expect(reader).toMatchObject({ state: 'filling', bodyBytes: 0, totalBytes: null })
  expect(reader.read(0)).toBeNull()
  expect(other.find('k')).toBeNull()
  const sent: Buffer[] = []
  const got: Buffer[] = []
  const done = new Promise<void>((resolve) => {
    let at = 0
    const pull = (): void => {
      for (let piece = reader.read(at); piece !== null; piece = reader.read(at)) {
        got.push(Buffer.from(piece))
        at += piece.length
      }
      if (reader.state !== 'filling') resolve()
      else reader.whenMore(at, pull)
    }
    pull()
  })
  for (let i = 0; i < 40; i += 1) {
    const piece = Buffer.alloc(1 + ((i * 7919) % 60_000), i + 1)
    sent.push(piece)
    expect(fill.append(piece)).toBe(true)
    if (i % 4 === 0) await new Promise(setImmediate)
  }
  expect(fill.complete()).toBe(true)
  await done
  expect(Buffer.concat(got).equals(Buffer.concat(sent))).toBe(true)
  expect(reader).toMatchObject({ state: 'complete', totalBytes: Buffer.concat(sent).length })
  reader.release()
  expect(take(other, 'k')?.length).toBe(Buffer.concat(sent).length)
  other.purge('k', 'hard')
  expect(store.stats().usedBytes).toBe(0)
})

it('an aborted fill wakes its readers, who never take it for whole', async () => {
  const [store, other] = openStores(MIB)
  const fill = store.begin('k', HEAD, { lengthBytes: 10 })
  const reader = other.findFilling('k')
  if (fill === null || reader === null) throw new Error('no fill')
  fill.append(Buffer.from('12345'))
  const woken = new Promise<void>((resolve) => reader.whenMore(5, resolve))
  fill.abort()
  fill.abort()
  await woken
  expect(reader.state).toBe('aborted')
  expect(Buffer.from(reader.read(0) ?? []).toString()).toBe('12345')
  expect([store.find('k'), store.findFilling('k')]).toEqual([null, null])
  reader.release()
  expect(store.stats()).toMatchObject({ usedBytes: 0, lingering: 0, aborted: 1 })
})

it('what grows too long is dropped, not aborted: nothing is wrong with the answer itself', async () => {
  const [store, other] = openStores(MIB)
  const fill = store.begin('k', HEAD)
  const reader = other.findFilling('k')
  if (fill === null || reader === null) throw new Error('no fill')
  fill.append(Buffer.from('12345'))
  const woken = new Promise<void>((resolve) => reader.whenMore(5, resolve))
  expect(fill.append(Buffer.alloc(MIB))).toBe(false)
  await woken
  expect([reader.state, reader.bodyBytes]).toEqual(['dropped', 5])
  expect(Buffer.from(reader.read(0) ?? []).toString()).toBe('12345')
  fill.abort()
  expect([reader.state, fill.complete(), other.findFilling('k')]).toEqual(['dropped', false, null])
  reader.release()
  expect(store.stats()).toMatchObject({ usedBytes: 0, lingering: 0, refused: 1, aborted: 1 })
})

it('what is purged while it is made nobody else reads, and it is dropped with its next piece or its end', () => {
  const [store, other] = openStores(MIB)
  for (const hasMore of [true, false]) {
    const fill = store.begin('k', HEAD)
    fill?.append(Buffer.from('123'))
    const reader = other.findFilling('k')
    expect(other.purge('k', 'hard')).toBe(1)
    expect([other.findFilling('k'), store.findFilling('k'), reader?.state]).toEqual([null, null, 'filling'])
    expect(hasMore ? fill?.append(Buffer.from('45')) : fill?.complete()).toBe(false)
    expect(reader?.state).toBe('dropped')
    reader?.release()
  }
  expect(store.stats()).toMatchObject({ usedBytes: 0, lingering: 0, filling: 0 })
})

it('a body that is shorter or longer than announced is not stored', () => {
  const [store] = openStores(MIB)
  const short = store.begin('k', HEAD, { lengthBytes: 10 })
  short?.append(Buffer.alloc(9))
  expect(short?.complete()).toBe(false)
  const long = store.begin('k', HEAD, { lengthBytes: 10 })
  expect(long?.append(Buffer.alloc(11))).toBe(false)
  expect(store.stats()).toMatchObject({ usedBytes: 0, entries: 0, filling: 0 })
})

it('a wish for more can be taken back', async () => {
  const [store, other] = openStores(MIB)
  const fill = store.begin('k', HEAD)
  const reader = other.findFilling('k')
  let calls = 0
  const cancel = reader?.whenMore(0, () => {
    calls += 1
  })
  const woken = new Promise<void>((resolve) => reader?.whenMore(0, resolve))
  cancel?.()
  fill?.append(Buffer.from('x'))
  await woken
  expect(calls).toBe(0)
  fill?.abort()
  reader?.release()
})

it('the one who fills reads along, and fills that have all the memory end without harm', () => {
  const [store] = openStores(MIB)
  const fills = Array.from({ length: 8 }, (_, i) => store.begin(`k${i}`, HEAD))
  const results = fills.map((fill) => {
    const reader = fill?.reader()
    let whole = true
    for (let i = 0; i < 4; i += 1) whole = (fill?.append(Buffer.alloc(50_000, 1)) ?? false) && whole
    expect(reader?.read(0)?.[0]).toBe(1)
    reader?.release()
    return whole && (fill?.complete() ?? false)
  })
  expect(results).toContain(true)
  expect(store.stats()).toMatchObject({ filling: 0, lingering: 0 })
  store.purgePrefix('', 'hard')
  expect(store.stats().usedBytes).toBe(0)
})

it('what a thread leaves when it ends is aborted and released', async () => {
  const [store, other, dead] = openStores(MIB)
  put(store, 'held', 'x')
  dead.find('held')
  store.purge('held', 'hard')
  dead.begin('k', HEAD)?.append(Buffer.alloc(100))
  const reader = other.findFilling('k')
  if (reader === null) throw new Error('no fill')
  const woken = new Promise<void>((resolve) => reader.whenMore(100, resolve))
  await store.forget(2)
  await woken
  expect(reader.state).toBe('aborted')
  reader.release()
  expect(store.stats()).toMatchObject({ usedBytes: 0, filling: 0, lingering: 0, rebuilds: 0 })
})

it('who asks for more that is there already is called, but not before the question is over', async () => {
  const [store, other] = openStores(MIB)
  const fill = store.begin('k', HEAD)
  const reader = other.findFilling('k')
  if (fill === null || reader === null) throw new Error('no fill')
  fill.append(Buffer.from('12345'))
  const calls: string[] = []
  const isCalled = new Promise<void>((resolve) =>
    reader.whenMore(0, () => {
      calls.push('called')
      resolve()
    }),
  )
  calls.push('asked')
  await isCalled
  const drop = reader.whenMore(0, () => calls.push('dropped'))
  drop()
  await new Promise(setImmediate)
  expect(calls).toEqual(['asked', 'called'])
  fill.abort()
  reader.release()
  expect(store.stats()).toMatchObject({ usedBytes: 0, filling: 0, lingering: 0 })
})
