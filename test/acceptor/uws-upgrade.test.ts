import { describe, expect, it } from 'vitest'
import type { UwsExchangeHost } from '#src/acceptor/uws/exchange-host.js'
import type { UwsResponse, UwsSocketContext } from '#src/acceptor/uws/native-types.js'
import { UwsUpgrade } from '#src/acceptor/uws/uws-upgrade.js'
import { DeadlineWheel } from '#src/time/index.js'
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../support/acceptor-under-test.js'
import { RecordingHandler } from '../support/recording-handler.js'

/** Writes down what is called, and whether it was inside `cork`. */
function recordingResponse(calls: string[]): UwsResponse {
  let isCorked = false
  const note = (text: string): UwsResponse => {
    calls.push(isCorked ? `corked ${text}` : text)
    return response as unknown as UwsResponse
  }
  const response = {
    cork(inside: () => void) {
      isCorked = true
      inside()
      isCorked = false
      return response
    },
    writeStatus: (status: string) => note(status),
    writeHeader: (name: string) => note(name),
    upgrade: () => note('upgrade'),
    pause: () => response,
    resume: () => response,
  }
  return response as unknown as UwsResponse
}

describe('the upgrade of uws', () => {
  it('B16: leaves the cork before the response becomes a WebSocket, which uWS may else take for a response to close', () => {
    const wheel = new DeadlineWheel()
    const handler = new RecordingHandler()
    const options = { limits: DEFAULT_LIMITS, timeouts: DEFAULT_TIMEOUTS }
    const host = { wheel, handler, options } as unknown as UwsExchangeHost
    const calls: string[] = []
    const head = { requestId: 'req-1', method: 'GET', headerBlock: '', contentLength: 0 }
    const context = {} as UwsSocketContext
    const handshake = { context, key: 'k', extensions: '', maxMessageBytes: 1, compressedBytes: 0 }
    const exchange = new UwsUpgrade(host, recordingResponse(calls), head as never, handshake)
    exchange.upgrade('Switching Protocols', 'connection: Upgrade\r\nupgrade: websocket\r\nx-a: 1\r\n')
    wheel.close()
    expect(calls[0]).toBe('corked 101 Switching Protocols')
    expect(calls.at(-1)).toBe('upgrade')
    expect(calls.slice(0, -1).every((call) => call.startsWith('corked '))).toBe(true)
  })
})
