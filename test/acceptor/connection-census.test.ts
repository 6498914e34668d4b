import { describe, expect, it } from 'vitest'
import { ConnectionCensus } from '#src/acceptor/uws/connection-census.js'

const A = Uint8Array.of(127, 0, 0, 1).buffer
const MAPPED_A = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1).buffer
const B = Uint8Array.of(10, 0, 0, 2).buffer

/** As in /proc/net/tcp: rows of remote address and state, at port 8080. */
function table(...rows: readonly (readonly [remote: string, state: string, port?: string])[]): string {
  const lines = rows.map(
    ([remote, state, port = '1F90'], at) =>
      `${String(at).padStart(4)}: 0100007F:${port} ${remote} ${state} 00000000:00000000 00:00000000`,
  )
  return `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n${lines.join('\n')}\n`
}

describe('connections by address, of a server that does not say which has gone', () => {
  it('asks the system only where an address seems to have too many, and goes by what it says', () => {
    let asked = 0
    let rows = table(['0100007F:C350', '01'])
    let nowMs = 0
    const census = new ConnectionCensus({
      limit: 2,
      port: () => 8080,
      clock: () => nowMs,
      tables: () => {
        asked += 1
        return [rows]
      },
    })
    expect([census.admit(A, 1), census.admit(B, 2), census.admit(A, 3)]).toEqual([true, true, true])
    expect(asked).toBe(0)
    // Two of three have gone: this one and another are left.
    rows = table(
      ['0100007F:C350', '01'],
      ['0100007F:C351', '01'],
      ['0100007F:C352', '06'],
      ['0100007F:C353', '01', '1F91'],
    )
    expect(census.admit(MAPPED_A, 4)).toBe(true)
    expect(asked).toBe(1)
    // Not at once again: until then it counts what comes.
    expect(census.admit(A, 5)).toBe(false)
    expect(asked).toBe(1)
    nowMs += 5
    rows = table(['0100007F:C350', '01'], ['0100007F:C351', '08'], ['0100007F:C352', '01'])
    expect(census.admit(A, 6)).toBe(false)
    expect(census.admit(B, 7)).toBe(true)
    expect(asked).toBe(2)
  })

  it('reads IPv6, and IPv4 within it', () => {
    const v6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1).buffer
    const six = `   0: 00000000000000000000000000000000:1F90 B80D0120000000000000000001000000:C350 01 0\n   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:C351 01 0\n   2: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:C352 01 0\n`
    const census = new ConnectionCensus({
      limit: 1,
      port: () => 8080,
      tables: () => ['', six],
      clock: () => 0,
    })
    expect([census.admit(v6, 1), census.admit(A, 2)]).toEqual([true, true])
    expect(census.admit(v6, 3)).toBe(true)
    expect(census.admit(A, 4)).toBe(false)
  })

  it('does not ask when all connections together are few enough', () => {
    const census = new ConnectionCensus({
      limit: 2,
      port: () => 8080,
      tables: () => {
        throw new Error('asked')
      },
    })
    for (let i = 0; i < 50; i += 1) expect(census.admit(A, 2)).toBe(true)
  })

  it('B7 keeps no address of a client that has gone for long', () => {
    let asked = 0
    let nowMs = 0
    const census = new ConnectionCensus({
      limit: 5,
      port: () => 8080,
      clock: () => nowMs,
      tables: () => {
        asked += 1
        return [table(['0100007F:C350', '01'])]
      },
    })
    for (let i = 0; i < 25_000; i += 1) {
      nowMs += 1
      const address = Uint8Array.of(10, i >> 16, (i >> 8) & 255, i & 255).buffer
      expect(census.admit(address, 3)).toBe(true)
    }
    expect(asked).toBe(2)
  })
})
