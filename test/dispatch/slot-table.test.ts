import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Slot, SlotTable } from '#src/dispatch/slot-table.js'
import { WINDOW_BYTES } from '#src/mailbox/index.js'
import { FakeExchange } from './support/fake-exchange.js'
import { Rig } from './support/rig.js'

const rig = new Rig({ workers: 2 })
const exchange = rig.request()
const [first, second] = [rig.link(0), rig.link(1)]

function take(table: SlotTable): Slot {
  const slot = table.take(exchange, first, 0)
  if (slot === null) throw new Error('no slot')
  return slot
}

describe('slots', () => {
  it('are handed out up to the limit, and again when they come back', () => {
    const table = new SlotTable(3)
    const slots = [take(table), take(table), take(table)]
    expect(slots.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(table.take(exchange, first, 0)).toBeNull()
    expect(table.used).toBe(3)
    for (const slot of slots) table.release(slot)
    expect(table.used).toBe(0)
    expect(new Set([take(table), take(table), take(table)].map(({ index }) => index))).toEqual(
      new Set([0, 1, 2]),
    )
    expect(table.take(exchange, first, 0)).toBeNull()
  })

  it('keep nothing of the session before', () => {
    const table = new SlotTable(1)
    const slot = take(table)
    Object.assign(slot, {
      answered: true,
      complete: true,
      tunnel: true,
      wantSent: true,
      paused: true,
      stalled: true,
      ungranted: 5,
      bodyCredit: -7,
    })
    slot.waiting.push({ bytes: new Uint8Array(3), last: true, slab: null })
    table.release(slot)
    const other = new FakeExchange(rig.dispatcher, exchange.head)
    expect(table.take(other, second, 4)).toEqual({
      index: 0,
      generation: 2,
      exchange: other,
      link: second,
      route: 4,
      status: 0,
      own: null,
      answered: false,
      complete: false,
      tunnel: false,
      wantSent: false,
      bodyCredit: WINDOW_BYTES,
      waiting: [],
      paused: false,
      ungranted: 0,
      stalled: false,
    })
  })

  it('are found by index and generation only while their session lives', () => {
    const table = new SlotTable(2)
    const slot = take(table)
    const { generation } = slot
    expect(table.find(slot.index, generation)).toBe(slot)
    expect(table.find(slot.index, generation + 1)).toBeNull()
    for (const index of [-1, 1, 2, 1e9, 0.5, Number.NaN]) expect(table.find(index, generation)).toBeNull()
    table.release(slot)
    expect(table.find(slot.index, generation)).toBeNull()
    expect(table.find(slot.index, generation + 1)).toBeNull()
    const again = take(table)
    expect(again).toBe(slot)
    expect(table.find(slot.index, generation)).toBeNull()
    expect(table.find(slot.index, generation + 1)).toBe(slot)
  })

  it('have generations of 32 bits, as the ring has them', () => {
    const table = new SlotTable(1)
    const slot = take(table)
    slot.generation = 2 ** 31 - 1
    table.release(slot)
    take(table)
    expect(slot.generation).toBe(-(2 ** 31))
    expect(table.find(0, -(2 ** 31))).toBe(slot)
  })

  it('know which are used by a link', () => {
    const table = new SlotTable(10)
    const ofFirst = [take(table), take(table)]
    const ofSecond = table.take(exchange, second, 0)
    expect(table.of(first)).toEqual(ofFirst)
    expect(table.of(second)).toEqual([ofSecond])
    for (const slot of ofFirst) table.release(slot)
    expect(table.of(first)).toEqual([])
  })

  it('never belong to two sessions at once', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 300 }), (choices) => {
        const table = new SlotTable(8)
        const live = new Map<Slot, number>()
        const names = new Set<string>()
        for (const choice of choices) {
          const slot = choice < 10 ? table.take(exchange, first, 0) : null
          if (slot !== null) {
            expect(live.has(slot)).toBe(false)
            const name = `${slot.index}:${slot.generation}`
            expect(names.has(name)).toBe(false)
            names.add(name)
            live.set(slot, slot.generation)
          } else {
            const victim = [...live.keys()][choice % Math.max(1, live.size)]
            if (victim === undefined) continue
            table.release(victim)
            live.delete(victim)
          }
          expect(table.used).toBe(live.size)
          for (const [used, generation] of live) expect(table.find(used.index, generation)).toBe(used)
        }
      }),
      { numRuns: 200 },
    )
  })
})
