import { describe, expect, it } from 'vitest'
import type { Piece } from '#src/cache/rules/index.js'
import type { EntryState, StoredEntry } from '#src/cache/store/index.js'
import { EntryPump } from '#src/lifecycle/entry-pump.js'

const encoder = new TextEncoder()
const WHOLE: readonly Piece[] = [{ first: 0, last: Number.POSITIVE_INFINITY }]

/** An entry in the memory of the test, in blocks of four bytes. */
class Entry implements StoredEntry {
  readonly key = 'k'
  readonly totalBytes = null
  state: EntryState = 'filling'
  released = 0
  #text = ''
  #wish: (() => void) | null = null

  get bodyBytes(): number {
    return this.#text.length
  }
  head = () => null
  touch = () => undefined
  whole = () => null
  hold = () => false
  release(): void {
    this.released += 1
  }
  read(offset: number, maxBytes = 4): Uint8Array | null {
    const end = Math.min(offset + maxBytes, offset + 4 - (offset % 4))
    return offset >= this.#text.length ? null : encoder.encode(this.#text.slice(offset, end))
  }
  whenMore(_offset: number, callback: () => void): () => void {
    this.#wish = callback
    return () => {
      this.#wish = null
    }
  }
  /** Another thread has added something, or ended it. */
  add(text: string, state: EntryState = 'filling'): void {
    this.#text += text
    this.state = state
    const wish = this.#wish
    this.#wish = null
    wish?.()
  }
}

/** @param dropped what is done when the store gives the entry up; absent: nobody can do anything */
function pumped(entry: Entry, pieces = WHOLE, isLive = false, dropped?: () => void) {
  const seen: string[] = []
  const sink = {
    chunk: (bytes: Uint8Array) => void seen.push(new TextDecoder().decode(bytes)),
    end: () => void seen.push('end'),
    broken: () => void seen.push('broken'),
    ...(dropped && { dropped }),
  }
  const pump = new EntryPump(entry, pieces, sink, isLive)
  pump.poke()
  return { pump, text: () => seen.join('') }
}

describe('an entry on its way to a client', () => {
  it('is read while it is being filled, to its end, and let go once', () => {
    const entry = new Entry()
    const { text, pump } = pumped(entry)
    entry.add('hel')
    expect(text()).toBe('hel')
    entry.add('lo', 'complete')
    expect(text()).toBe('helloend')
    pump.close()
    expect(entry.released).toBe(1)
  })
  it('waits for its client, and the fill does not', () => {
    const entry = new Entry()
    const { text, pump } = pumped(entry)
    pump.pause()
    entry.add('hello')
    entry.add('!', 'complete')
    expect(text()).toBe('')
    pump.resume()
    expect(text()).toBe('hello!end')
  })
  it('that is given up is broken, not short', () => {
    const entry = new Entry()
    const { text } = pumped(entry)
    entry.add('hel', 'aborted')
    expect(text()).toBe('helbroken')
  })
  it('that the store gives up goes on with what it is fed, behind all that the entry has', () => {
    const entry = new Entry()
    const calls: string[] = []
    const { text, pump } = pumped(entry, WHOLE, false, () => void calls.push('dropped'))
    entry.add('hel')
    pump.pause()
    entry.add('lo', 'dropped')
    expect([text(), calls]).toEqual(['hel', []])
    pump.resume()
    expect([text(), calls, entry.released]).toEqual(['hello', ['dropped'], 0])
    pump.overflow(encoder.encode(' world'))
    pump.finish()
    expect([text(), calls, entry.released]).toEqual(['hello worldend', ['dropped'], 1])
  })
  it('that the store gives up is broken where nobody can feed it', () => {
    const entry = new Entry()
    const { text } = pumped(entry)
    entry.add('hel', 'dropped')
    expect([text(), entry.released]).toEqual(['helbroken', 1])
  })
  it('ranges are cut out of it as they come', () => {
    const entry = new Entry()
    const { text } = pumped(entry, [{ first: 6, last: 8 }, encoder.encode('-'), { first: 1, last: 2 }])
    entry.add('01234')
    expect(text()).toBe('')
    entry.add('56789', 'complete')
    expect(text()).toBe('678-12end')
  })
  it('nothing is sent after it was closed', () => {
    const entry = new Entry()
    const { text, pump } = pumped(entry)
    pump.close()
    entry.add('x', 'complete')
    pump.resume()
    expect([text(), entry.released]).toEqual(['', 1])
  })
})

describe('the client of the one who fills', () => {
  it('gets what the entry has no room for as well, in order', () => {
    const entry = new Entry()
    const { text, pump } = pumped(entry, WHOLE, true)
    entry.add('01234')
    pump.poke()
    pump.pause()
    entry.add('56', 'aborted')
    pump.overflow(encoder.encode('789'))
    expect([text(), pump.lags]).toEqual(['01234', true])
    pump.resume()
    expect(pump.lags).toBe(false)
    pump.overflow(encoder.encode('ab'))
    pump.finish()
    expect(text()).toBe('0123456789abend')
  })
  it('gets ranges of that too', () => {
    const entry = new Entry()
    const { text, pump } = pumped(
      entry,
      [
        { first: 1, last: 2 },
        { first: 4, last: 7 },
      ],
      true,
    )
    entry.add('01234', 'aborted')
    pump.overflow(encoder.encode('56'))
    pump.overflow(encoder.encode('789'))
    pump.finish()
    expect(text()).toBe('124567end')
  })
  it('is told when a range lies where nothing is kept any more', () => {
    const entry = new Entry()
    const { text, pump } = pumped(
      entry,
      [
        { first: 5, last: 6 },
        { first: 3, last: 3 },
        { first: 5, last: 5 },
      ],
      true,
    )
    entry.add('0123', 'aborted')
    pump.overflow(encoder.encode('456'))
    pump.overflow(encoder.encode('789'))
    pump.finish()
    expect(text()).toBe('563broken')
  })
})
