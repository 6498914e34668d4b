import { afterEach, describe, expect, it } from 'vitest'
import { Http1Connector } from '#src/upstream/http1/connector.js'
import { RawOrigin } from './support/raw-origin.js'
import { run, start } from './support/recorder.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const connector = new Http1Connector()
let origin: RawOrigin

afterEach(() => origin.close())

describe('the handler', () => {
  it('hears nothing from within request, on a fresh and on a reused connection', async () => {
    origin = await RawOrigin.answering(OK)
    for (const first of ['connected', 'reused']) {
      const { recorder } = start(connector, origin.target)
      expect(recorder.events).toEqual([])
      await recorder.until('over')
      expect(recorder.events).toEqual([first, 'sent', 'head', 'body', 'end'])
    }
  })

  it('may start the next request when one ends, and gets the same connection', async () => {
    origin = await RawOrigin.answering(OK)
    let second: ReturnType<typeof start> | undefined
    const first = start(
      connector,
      origin.target,
      {},
      {
        hooks: {
          onEnd: () => {
            second = start(connector, origin.target)
          },
        },
      },
    )
    await first.recorder.until('end')
    await second?.recorder.until('end')
    expect(second?.recorder.events[0]).toBe('reused')
    expect(origin.peers.length).toBe(1)
  })

  it.each(['onConnected', 'onRequestSent', 'onHead', 'onBody'] as const)(
    'ends its own exchange when %s throws, and the connection with it',
    async (event) => {
      origin = await RawOrigin.answering(OK)
      const fresh = new Http1Connector()
      await run(fresh, origin.target)
      for (const peers of [1, 2]) {
        expect(origin.peers.length).toBe(peers)
        const { recorder } = start(
          fresh,
          origin.target,
          {},
          {
            hooks: {
              [event]: () => {
                throw new Error('a bug')
              },
            },
          },
        )
        await recorder.until('over')
        expect(recorder.failure).toMatchObject({ code: 'HG_INTERNAL', status: 500 })
        expect(recorder.error?.cause).toMatchObject({ message: 'a bug' })
        await origin.peer(peers - 1).closed
        await run(fresh, origin.target)
      }
      fresh.close()
    },
  )

  it('that throws when its answer has ended keeps nobody from the next, over a new connection', async () => {
    origin = await RawOrigin.answering(OK)
    const fresh = new Http1Connector()
    const onEnd = () => {
      throw new Error('a bug')
    }
    await start(fresh, origin.target, {}, { hooks: { onEnd } }).recorder.until('end')
    await origin.peer(0).closed
    expect(fresh.stats).toMatchObject({ active: 0, idle: 0 })
    const { events } = await run(fresh, origin.target)
    expect(events).toEqual(['connected', 'sent', 'head', 'body', 'end'])
    fresh.close()
  })

  it('hears nothing after abort, and the origin sees the connection close', async () => {
    const sent = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'
    for (const event of ['onConnected', 'onRequestSent', 'onHead', 'onBody'] as const) {
      origin = await RawOrigin.answering(sent)
      const fresh = new Http1Connector()
      const { recorder, exchange } = start(
        fresh,
        origin.target,
        {},
        { hooks: { [event]: () => exchange.abort() } },
      )
      await recorder.until(
        { onConnected: 'connected', onRequestSent: 'sent', onHead: 'head', onBody: 'body' }[event],
      )
      const events = [...recorder.events]
      if (event !== 'onConnected') await origin.peer(0).closed
      exchange.abort()
      exchange.pause()
      exchange.resume()
      exchange.end()
      expect(exchange.write(Buffer.from('x'))).toBe(true)
      expect(recorder.events).toEqual(events)
      expect(fresh.stats).toMatchObject({ active: 0, idle: 0 })
      await origin.close()
    }
    origin = await RawOrigin.answering(OK)
  })

  it('B8 leaves nothing behind after 1,000 aborts at any moment', async () => {
    origin = await RawOrigin.answering('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello')
    const fresh = new Http1Connector()
    for (let round = 0; round < 1000; round += 1) {
      const { recorder, exchange } = start(fresh, origin.target)
      const moment = ['none', 'connected', 'sent', 'head', 'end'][round % 5] ?? ''
      if (moment === 'connected') await Promise.race([recorder.until('connected'), recorder.until('reused')])
      else if (moment !== 'none') await recorder.until(moment)
      exchange.abort()
    }
    await run(fresh, origin.target)
    expect(fresh.stats).toMatchObject({ active: 0, idle: 1, dropped: 0 })
    fresh.close()
  })
})
