import { describe, expect, it } from 'vitest'
import type { UwsExchangeHost } from '#src/acceptor/uws/exchange-host.js'
import type { UwsResponse } from '#src/acceptor/uws/native-types.js'
import { type BodyOwner, RequestBody } from '#src/acceptor/uws/request-body.js'
import { DeadlineWheel } from '#src/time/index.js'
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../support/acceptor-under-test.js'

const MIB = 1024 * 1024

class Owner {
  readonly refusals: string[] = []
  receivedBytes = 0
  isOpen = true
  feed: (chunk: ArrayBuffer, isLast: boolean) => void = () => {}
  readonly body: RequestBody

  constructor() {
    const wheel = new DeadlineWheel()
    const options = { limits: { ...DEFAULT_LIMITS, bodyBytes: 0 }, timeouts: DEFAULT_TIMEOUTS }
    const response = {
      onData: (feed: Owner['feed']) => {
        this.feed = feed
      },
      pause: () => {},
      resume: () => {},
    }
    const owner: BodyOwner = {
      response: response as unknown as UwsResponse,
      host: { wheel, options } as unknown as UwsExchangeHost,
      isOpen: true,
      onBodyPiece: (piece) => {
        this.receivedBytes += piece.length
      },
      onBodyDrained: () => {},
      refuse: ({ status, message }) => this.refusals.push(`${status} ${message}`),
    }
    this.body = new RequestBody(owner, false)
    this.body.stop()
    wheel.close()
  }
}

describe('a body over uws that comes in spite of a pause', () => {
  it('is taken up to 64 MiB, and refused beyond, for only closing would stop it', () => {
    const owner = new Owner()
    owner.body.pause()
    for (let i = 0; i < 64; i += 1) owner.feed(new ArrayBuffer(MIB), false)
    expect([owner.refusals, owner.receivedBytes]).toEqual([[], 64 * MIB])
    owner.feed(new ArrayBuffer(1), false)
    expect(owner.refusals).toEqual(['503 The request body came too fast to be held back.'])
    expect(owner.receivedBytes).toBe(64 * MIB)
  })

  it('is counted anew from each pause on, and not at all without one', () => {
    const owner = new Owner()
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 60; i += 1) owner.feed(new ArrayBuffer(MIB), false)
      owner.body.pause()
      for (let i = 0; i < 60; i += 1) owner.feed(new ArrayBuffer(MIB), false)
      owner.body.resume()
    }
    owner.body.stop()
    expect([owner.refusals, owner.receivedBytes]).toEqual([[], 360 * MIB])
  })
})
