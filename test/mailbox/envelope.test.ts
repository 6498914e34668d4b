import { Packr, Unpackr } from 'msgpackr/pack'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readOpen, writeOpen } from '#src/mailbox/index.js'
import { mailbox, OPEN_FRAME, receive } from './support/frame-channel.js'

describe('msgpackr', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('reads strings over 64 bytes straight from shared memory when its native extractor is not loaded', () => {
    const strings = ['a'.repeat(65), 'ä€😀'.repeat(50), 'x'.repeat(5000)]
    const packed = new Packr({ useRecords: false }).pack(strings)
    const shared = new Uint8Array(new SharedArrayBuffer(packed.length))
    shared.set(packed)
    expect(new Unpackr({ useRecords: false }).unpack(shared)).toEqual(strings)
  })

  it('is never given shared memory, on which the native extractor throws once any module has loaded it', () => {
    const unpack = vi.spyOn(Unpackr.prototype, 'unpack')
    for (const size of [1, 100, 4000, 10_000]) {
      const open = { ...OPEN_FRAME, upgrade: 'r'.repeat(size) }
      writeOpen(mailbox, 1, 1, open)
      expect(readOpen(receive())).toEqual(open)
    }
    expect(unpack).toHaveBeenCalledTimes(4)
    for (const [source] of unpack.mock.calls) expect(source.buffer).toBeInstanceOf(ArrayBuffer)
  })

  it('has no part in a session that has nothing uncommon', () => {
    const unpack = vi.spyOn(Unpackr.prototype, 'unpack')
    writeOpen(mailbox, 1, 1, { ...OPEN_FRAME, upgrade: '' })
    expect(readOpen(receive())).toEqual({ ...OPEN_FRAME, upgrade: '' })
    expect(unpack).not.toHaveBeenCalled()
  })

  it('carries the forwarding fields of a proxied session, alone and beside an upgrade', () => {
    for (const upgrade of ['', 'websocket']) {
      const open = { ...OPEN_FRAME, upgrade, forwarding: 'x-forwarded-for: 192.0.2.7\r\n' }
      writeOpen(mailbox, 1, 1, open)
      expect(readOpen(receive())).toEqual(open)
    }
  })

  it('reads the same with the native extractor loaded', async () => {
    await import('msgpackr')
    for (let i = 0; i < 100; i += 1) {
      const open = { ...OPEN_FRAME, route: i, upgrade: 'ü€😀'.repeat(i) }
      writeOpen(mailbox, 1, i, open)
      expect(readOpen(receive())).toEqual(open)
    }
  })
})
