import { describe, expect, it } from 'vitest'
import {
  type CoalescingLimits,
  createLeadMemory,
  type Joined,
  SharedLeads,
  type WaitResult,
} from '#src/cache/lock/index.js'
import { createBells, SharedBell } from '#src/memory/index.js'

const LIMITS: CoalescingLimits = { leadMs: 60_000, waitMs: 60_000 }

function openLeads(): [SharedLeads, SharedLeads, SharedLeads] {
  const memory = createLeadMemory()
  const bells = createBells(3)
  const open = (thread: number): SharedLeads => new SharedLeads(memory, thread, new SharedBell(bells, thread))
  return [open(0), open(1), open(2)]
}

function lead(joined: Joined): Extract<Joined, { kind: 'lead' }>['lead'] {
  if (joined.kind !== 'lead') throw new Error(`no lead, but ${joined.kind}`)
  return joined.lead
}

const nobody = (): never => {
  throw new Error('called back')
}

/** Joins where somebody leads. @returns what it comes to */
function waitFor(leads: SharedLeads, key: string, limits = LIMITS, waitedMs = 0): Promise<WaitResult> {
  return new Promise((resolve, reject) => {
    const joined = leads.join(key, limits, resolve, waitedMs)
    if (joined.kind !== 'wait') reject(new Error(`no wait, but ${joined.kind}`))
  })
}

describe('one lead per key', () => {
  it('over all threads, and as many as there are keys', () => {
    const [one, two] = openLeads()
    expect(one.join('a', LIMITS, nobody).kind).toBe('lead')
    expect(two.join('b', LIMITS, nobody).kind).toBe('lead')
    expect([one, two].map((leads) => leads.join('a', LIMITS, () => {}).kind)).toEqual(['wait', 'wait'])
    expect(two.tryLead('a', LIMITS)).toBeNull()
    expect(two.tryLead('c', LIMITS)?.valid).toBe(true)
  })

  it('all look again when it is stored, and the next who misses leads', async () => {
    const [one, two, three] = openLeads()
    const leader = lead(one.join('a', LIMITS, nobody))
    const waits = [waitFor(one, 'a'), waitFor(two, 'a'), waitFor(two, 'a'), waitFor(three, 'a')]
    leader.release('stored')
    leader.release('failed')
    expect(leader.valid).toBe(false)
    expect((await Promise.all(waits)).map(({ kind }) => kind)).toEqual(['look', 'look', 'look', 'look'])
    expect(two.join('a', LIMITS, nobody).kind).toBe('lead')
  })

  it('an uncacheable answer lets all go their own way at once, and is remembered until it is cacheable', async () => {
    const [one, two] = openLeads()
    const joined = one.tryLead('b', LIMITS)
    const others = [waitFor(one, 'b'), waitFor(two, 'b')]
    joined?.release('uncacheable')
    expect((await Promise.all(others)).map(({ kind }) => kind)).toEqual(['alone', 'alone'])
    expect(two.join('b', LIMITS, nobody)).toEqual({ kind: 'alone', predicted: true })
    expect([two.isUncacheable('b'), two.isUncacheable('c')]).toEqual([true, false])
    two.remember('b', true)
    expect(one.join('b', LIMITS, nobody).kind).toBe('lead')
  })

  it('of those who wait for a lead that failed exactly one takes it, the others look again and wait for that one', async () => {
    const [one, two, three] = openLeads()
    const leader = lead(one.join('a', LIMITS, nobody))
    const waits = [waitFor(one, 'a'), waitFor(two, 'a'), waitFor(three, 'a'), waitFor(three, 'a')]
    leader.release('failed')
    const results = await Promise.all(waits)
    expect(results.map(({ kind }) => kind).sort()).toEqual(['lead', 'look', 'look', 'look'])
    expect(leader.valid).toBe(false)
    expect(three.join('a', LIMITS, () => {}).kind).toBe('wait')
  })

  it('C6 the death of the leading thread hands it over', async () => {
    const [one, two, three] = openLeads()
    lead(three.join('a', LIMITS, nobody))
    lead(three.join('nobody waits', LIMITS, nobody))
    const waits = [waitFor(two, 'a'), waitFor(two, 'a')]
    await one.forget(2)
    expect((await Promise.all(waits)).map(({ kind }) => kind).sort()).toEqual(['lead', 'look'])
    expect(two.join('nobody waits', LIMITS, nobody).kind).toBe('lead')
  })

  it('C6 a thread that dies with the lock in its hand does not stop the others', async () => {
    const [one, two, three] = openLeads()
    three.table.lock.acquire(0)
    expect(two.join('a', LIMITS, nobody)).toEqual({ kind: 'alone', predicted: false })
    await one.forget(2)
    expect(two.join('a', LIMITS, nobody).kind).toBe('lead')
  })

  it('a lead that lasts too long is taken over, and means nothing any more', async () => {
    const [one, two] = openLeads()
    const leader = lead(one.join('a', LIMITS, nobody))
    const result = await waitFor(two, 'a', { leadMs: 30, waitMs: 60_000 })
    expect(result.kind).toBe('lead')
    expect(leader.valid).toBe(false)
    leader.release('stored')
    expect(two.join('a', LIMITS, () => {}).kind).toBe('wait')
  })

  it('a wait ends after its time, less what the session has waited before', async () => {
    const [one, two] = openLeads()
    const leader = lead(one.join('a', LIMITS, nobody))
    expect(await waitFor(two, 'a', { leadMs: 60_000, waitMs: 30 })).toEqual({ kind: 'timeout' })
    expect(await waitFor(two, 'a', LIMITS, 60_000)).toEqual({ kind: 'timeout' })
    expect(leader.valid).toBe(true)
  })

  it('who has cancelled is not called', async () => {
    const [one, two] = openLeads()
    const leader = lead(one.join('a', LIMITS, nobody))
    const joined = two.join('a', LIMITS, nobody)
    const other = waitFor(two, 'a')
    if (joined.kind === 'wait') joined.cancel()
    leader.release('stored')
    expect((await other).kind).toBe('look')
  })

  it('a full table makes sessions go alone instead of waiting for others', () => {
    const [one] = openLeads()
    const kinds = new Set<string>()
    for (let i = 0; i < 20_000; i += 1) kinds.add(one.join(`key ${i}`, LIMITS, nobody).kind)
    expect([...kinds].sort()).toEqual(['alone', 'lead'])
  })
})
