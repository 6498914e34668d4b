import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { boundReads } from '#src/acceptor/uws/bounded-reads.js'
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

describe('the bound on what uws reads in a turn', () => {
  const folder = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'))
  const names = readdirSync(folder).filter((name) => name.endsWith('.node'))

  it.each(names.filter((name) => name.startsWith('uws_linux_x64_')))('is set in %s, in one byte', (name) => {
    const binary = readFileSync(join(folder, name))
    const copy = boundReads(binary)
    expect(copy).not.toBeNull()
    let changed = 0
    for (let i = 0; i < binary.length; i += 1) if (binary[i] !== copy?.[i]) changed += 1
    expect(changed).toBe(1)
    // What was changed is not the known code any more.
    expect(copy === null ? null : boundReads(copy)).toBeNull()
  })

  it('is not set where the code is not there, or there twice', () => {
    const code = Buffer.from('ba0000080031c9e8', 'hex')
    expect(boundReads(Buffer.alloc(100))).toBeNull()
    expect(boundReads(Buffer.concat([code, Buffer.alloc(10), code]))).toBeNull()
    expect(boundReads(Buffer.concat([Buffer.alloc(10), code]))?.readUInt32LE(11)).toBe(131_072)
  })
})
