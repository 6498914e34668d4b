import { setTimeout as sleep } from 'node:timers/promises'
import koffi from 'koffi'
import { expect, it, onTestFinished } from 'vitest'
import { createAcceptor } from '#src/acceptor/index.js'
import type { AcceptorOptions, Downstream } from '#src/acceptor/types.js'
import { ACCEPTOR_KINDS, DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../support/acceptor-under-test.js'
import { NotingHandler } from '../support/noting-handler.js'
import { RawClient } from '../support/raw-client.js'

/** Answers in the last part of a turn, where the frames of a busy mailbox are read: behind the check of uSockets, before handles end. */
class LateHandler extends NotingHandler {
  onRequest(exchange: Downstream): void {
    setImmediate(() => exchange.respond(200, 'OK', '', Buffer.from('late'), 4))
  }
}

const OPTIONS: AcceptorOptions = {
  host: '127.0.0.1',
  port: 0,
  limits: DEFAULT_LIMITS,
  timeouts: DEFAULT_TIMEOUTS,
  chunked: 'close',
}
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const PATIENCE_MS = 5_000
const AT_ONCE = 20
const WARM_UP = 1_000
const CONNECTIONS = 8_000
const LOOKS = 10
const LOOK_MS = 20
/** As built, uSockets keeps 464 bytes of each connection. */
const MOST_KEPT_BYTES = 232

const isMended = ACCEPTOR_KINDS.includes('uws') && process.platform === 'linux' && process.arch === 'x64'
if (!isMended) console.warn('SKIPPED: what uws keeps of closed connections; it is mended on Linux x64 only')

/** Bytes that malloc has given out: what an addon keeps is seen nowhere else. */
function mallocInUse(): () => number {
  const names = 'arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost'.split(' ')
  const info = koffi.struct(Object.fromEntries(names.map((name) => [name, 'size_t'])))
  const mallinfo2 = koffi.load('libc.so.6').func('mallinfo2', info, [])
  return () => Number(mallinfo2().uordblks)
}

/** The least of some looks: V8's compilers, and sockets that wait for collection, hold some for a while. */
async function settled(inUse: () => number): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < LOOKS; look += 1) {
    globalThis.gc?.()
    await sleep(LOOK_MS)
    least = Math.min(least, inUse())
  }
  return least
}

it.skipIf(!isMended)(
  'C16 connections that are closed late in a turn of the loop leave nothing in the memory of uws',
  { timeout: 60_000 },
  async () => {
    const inUse = mallocInUse()
    const acceptor = await createAcceptor('uws', OPTIONS, new LateHandler())
    onTestFinished(() => acceptor.close())
    const one = async (): Promise<void> => {
      const client = await RawClient.connect(acceptor.port)
      await client.send(REQUEST)
      await client.untilClosed(PATIENCE_MS)
      expect(client.text).toContain('late')
      await client.destroy()
    }
    const connections = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, one))
    }
    await connections(WARM_UP)
    const before = await settled(inUse)
    await connections(CONNECTIONS)
    expect(((await settled(inUse)) - before) / CONNECTIONS).toBeLessThan(MOST_KEPT_BYTES)
  },
)
