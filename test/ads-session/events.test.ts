import { describe, expect, it, vi } from 'vitest'
import {
  EventTokens,
  MemoryStore,
  Money,
  SignedUserId,
  StateStoreError,
  type UpstreamSession,
} from '#src/ads/index.js'
import { contextOf, EVENTS, setUp } from './setup.js'

const USD = (text: string): Money => Money.parse(text)
const call = { context: contextOf('alice'), campaignId: 'c1' }
const PRICED = { events: EVENTS, campaigns: { c1: { cpm: USD('2'), budget: USD('0.004') } } }
const OTHER_KEY = { id: 'k2', secret: 'another secret of 32 bytes, for k2' }

async function money(session: UpstreamSession): Promise<string[]> {
  const { spent, held } = await session.budget('c1')
  return [spent.toDecimal(), held.toDecimal()]
}

async function served(session: UpstreamSession): Promise<(event: string) => string> {
  const { token } = await session.serve(call)
  return (event) => token(event) ?? ''
}

describe('events of a served ad', () => {
  it('F-08 the impression turns the reservation into a count, once', async () => {
    const { session } = setUp(PRICED)
    const token = await served(session)
    expect(await money(session)).toEqual(['0.00', '0.002'])
    expect(await session.commitEvent(token('impression'))).toMatchObject({
      status: 'counted',
      event: 'impression',
      campaignId: 'c1',
      adId: 'ad-1',
    })
    // Another token of the same event is the same event.
    const again = await Promise.all([
      session.commitEvent(token('impression')),
      session.commitEvent(token('impression')),
    ])
    expect(again.map(({ status }) => status)).toEqual(['duplicate', 'duplicate'])
    expect(await money(session)).toEqual(['0.002', '0.00'])
    expect(session.metrics()).toMatchObject({ reserved: 1, committed: 1, duplicates: 2 })
  })

  it.each(['notUsed', 'error'])('F-08 %s gives place and money back', async (event) => {
    const { session } = setUp(PRICED)
    const token = await served(session)
    expect(await session.commitEvent(token(event))).toMatchObject({ status: 'released', event })
    expect(await session.commitEvent(token(event))).toMatchObject({ status: 'duplicate' })
    expect(await money(session)).toEqual(['0.00', '0.00'])
    expect(await session.remainingImpressions('alice', 'c1')).toBe(3)
  })

  it('what was counted stays counted, whatever is reported afterwards', async () => {
    const { session } = setUp(PRICED)
    const token = await served(session)
    await session.commitEvent(token('impression'))
    expect(await session.commitEvent(token('error'))).toMatchObject({ status: 'duplicate' })
    expect(await money(session)).toEqual(['0.002', '0.00'])
  })

  it.each([
    ['video', 1800],
    ['web', 60],
  ] as const)(
    'F-08 without an impression a reservation of %s is free after %i seconds',
    async (media, seconds) => {
      const { session, clock } = setUp({ ...PRICED, frequencyCap: 1 })
      await session.serve({ ...call, media })
      clock.advance(seconds * 1000 - 1)
      await expect(session.serve({ ...call, media })).rejects.toThrow('exceeded cap')
      clock.advance(1)
      await session.serve({ ...call, media })
      expect(await money(session)).toEqual(['0.00', '0.002'])
    },
  )

  it('F-08 a late impression is charged while there is room, else refused and counted by its own name', async () => {
    const { session, clock } = setUp(PRICED)
    const early = [await served(session), await served(session)]
    clock.advance(1_800_000)
    const later = [await served(session), await served(session)]
    const statuses: string[] = []
    for (const token of [...later, ...early])
      statuses.push((await session.commitEvent(token('impression'))).status)
    expect(statuses).toEqual(['counted', 'counted', 'refused', 'refused'])
    expect(await money(session)).toEqual(['0.004', '0.00'])
    expect(session.metrics()).toMatchObject({ committed: 2, late_refused: 2 })
  })

  it('an impression at midnight is charged to the day of its decision', async () => {
    const pacing = { period: 'daily', dailyMax: USD('0.002') } as const
    const { session, clock } = setUp({
      events: EVENTS,
      campaigns: { c1: { cpm: USD('2'), budget: USD('1'), pacing } },
    })
    clock.advance(12 * 3_600_000 - 1)
    const token = await served(session)
    clock.advance(2)
    expect(await session.commitEvent(token('impression'))).toMatchObject({ status: 'counted' })
    await session.serve(call)
    await expect(session.serve(call)).rejects.toMatchObject({ name: 'BudgetExceeded' })
  })

  it('clicks are counted by their own rules: only what came counts', async () => {
    const hour = { kind: 'fixed', seconds: 3600 } as const
    const { session } = setUp({ events: EVENTS, rules: [{ max: 1, event: 'click', window: hour }] })
    const tokens = [await served(session), await served(session)]
    const [first, second] = tokens
    expect(await session.commitEvent(first?.('click') ?? '')).toMatchObject({ status: 'counted' })
    expect(await session.commitEvent(first?.('click') ?? '')).toMatchObject({ status: 'duplicate' })
    await expect(session.serve(call)).rejects.toMatchObject({ rule: '3600s.click' })
    expect(await session.commitEvent(second?.('complete') ?? '')).toMatchObject({ status: 'recorded' })
    expect(await session.commitEvent(second?.('firstQuartile') ?? '')).toMatchObject({ status: 'recorded' })
  })

  it('tokens survive a change of keys, and end with their key or their time', async () => {
    const store = new MemoryStore()
    const before = setUp({ store, events: EVENTS })
    const token = await served(before.session)
    const rotated = setUp({ store, events: { keys: [OTHER_KEY, ...EVENTS.keys] } }).session
    expect(await rotated.commitEvent(token('impression'))).toMatchObject({ status: 'counted' })
    const without = setUp({ store, events: { keys: [OTHER_KEY] } }).session
    expect(await without.commitEvent(token('impression'))).toEqual({ status: 'invalid' })
    before.clock.advance(86_400_000)
    const again = token('impression')
    before.clock.advance(86_400_000)
    expect(await before.session.commitEvent(again)).toEqual({ status: 'invalid' })
    expect(before.session.metrics().invalid_tokens).toBe(1)
  })

  it('any change of a token makes it invalid, and it tells nothing of user and price', async () => {
    const { session } = setUp(PRICED)
    const token = (await served(session))('impression')
    expect(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('latin1')).not.toMatch(
      /alice|USD|ad-1/,
    )
    for (let index = 0; index < token.length; index += 7) {
      const other = token[index] === 'A' ? 'B' : 'A'
      const forged = token.slice(0, index) + other + token.slice(index + 1)
      expect((await session.commitEvent(forged)).status).toBe('invalid')
    }
    for (const junk of ['', '.', '..', 'k1..', 'k1.AAAA.AAAA', 'x'.repeat(5000)]) {
      expect(await session.commitEvent(junk)).toEqual({ status: 'invalid' })
    }
    expect(await money(session)).toEqual(['0.00', '0.002'])
  })

  it('keys that are short, nameless, doubled or missing are refused', () => {
    const secret = 's'.repeat(32)
    expect(() => new EventTokens({ keys: [] })).toThrow(TypeError)
    expect(() => new EventTokens({ keys: [{ id: 'k', secret: 'short' }] })).toThrow('at least 32')
    expect(() => new EventTokens({ keys: [{ id: 'a.b', secret }] })).toThrow(TypeError)
    expect(
      () =>
        new EventTokens({
          keys: [
            { id: 'k', secret },
            { id: 'k', secret },
          ],
        }),
    ).toThrow("two keys are called 'k'")
  })

  it('an event that comes while the store is lost waits for it, and counts once', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    try {
      let lost = false
      class Failing extends MemoryStore {
        override async commit(...args: Parameters<MemoryStore['commit']>): ReturnType<MemoryStore['commit']> {
          const status = await super.commit(...args)
          // It did its work, but nobody heard of it: the worst case for counting once.
          if (lost) throw new StateStoreError('memory', 'timeout', 'lost')
          return status
        }
      }
      const { session, clock } = setUp({ ...PRICED, store: new Failing() })
      clock.advance(0)
      const token = await served(session)
      lost = true
      expect(await session.commitEvent(token('impression'))).toMatchObject({ status: 'queued' })
      await vi.advanceTimersByTimeAsync(1000)
      lost = false
      await vi.advanceTimersByTimeAsync(1000)
      expect(await money(session)).toEqual(['0.002', '0.00'])
      expect(session.metrics()).toMatchObject({ queued_events: 1, duplicates: 1, dropped_events: 0 })
      lost = true
      const second = await served(session)
      await session.commitEvent(second('impression'))
      await session.close()
      expect(session.metrics()).toMatchObject({ dropped_events: 1 })
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('SignedUserId', () => {
  const SECRET = 'a secret of at least 32 bytes, 001'
  const ids = new SignedUserId([SECRET])

  it('F-30 gives back what it signed, and nothing else', () => {
    const cookie = ids.sign('alice')
    expect(ids.verify(cookie)).toBe('alice')
    expect(new SignedUserId(['another secret, also of 32 bytes ..', SECRET]).verify(cookie)).toBe('alice')
    expect(new SignedUserId(['another secret, also of 32 bytes ..']).verify(cookie)).toBeNull()
    for (const forged of [
      '',
      'alice',
      'alice~',
      cookie.replace('alice', 'bob'),
      `${cookie}A`,
      'a b~AAAA',
      '~AAAA',
    ]) {
      expect(ids.verify(forged)).toBeNull()
    }
    expect(() => ids.sign('a b')).toThrow(TypeError)
    expect(() => ids.sign('x'.repeat(129))).toThrow(TypeError)
    expect(() => new SignedUserId(['short'])).toThrow(TypeError)
    expect(() => new SignedUserId([])).toThrow(TypeError)
  })
})
