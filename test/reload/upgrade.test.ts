import { afterEach, beforeEach, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { GatewayProcess, type TestConfig } from '../support/gateway.js'
import { send } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { upgradeUnderLoad } from './upgrade-under-load.js'

conserved()

let origin: HttpOrigin
let config: TestConfig
beforeEach(async () => {
  origin = await HttpOrigin.start((_, response) => void response.end('fine'))
  config = { admin: false, workers: 1, upstreams: { app: { peers: [origin.address] } } }
})
afterEach(() => origin.close())

it.runIf(ACCEPTOR_KINDS.includes('uws'))(
  'C8 a new process takes the port over under load: no request fails, and the old one ends',
  { timeout: 90_000 },
  async () => {
    expect(await upgradeUnderLoad({ ...config, acceptor: 'uws' }, 1)).toMatchObject({ failures: [] })
  },
)

it.each(ACCEPTOR_KINDS)(
  'U20 a second gateway that was started by accident is refused over %s, and the first goes on',
  { timeout: 60_000 },
  async (acceptor) => {
    const first = await GatewayProcess.start({ ...config, acceptor })
    const listen = `127.0.0.1:${first.port}`
    const second = GatewayProcess.run({ ...config, acceptor, listen })
    try {
      expect(await second.exit).toEqual({ code: 1, signal: null })
      expect(second.log.saying(`cannot listen on ${listen}: another process listens there`)).toHaveLength(1)
      expect((await send(first.port, '/')).kind).toBe('answer')
    } finally {
      await second.close()
      await first.close()
    }
  },
)

it('an upgrade that comes to nothing leaves the old process as it was', { timeout: 60_000 }, async () => {
  const first = await GatewayProcess.start({ ...config, admin: '127.0.0.1:0' })
  const listen = `127.0.0.1:${first.port}`
  // It is let in, but cannot have its admin address.
  const second = GatewayProcess.run({ ...config, listen, admin: `127.0.0.1:${origin.port}` }, ['--upgrade'])
  try {
    expect(await second.exit).toEqual({ code: 1, signal: null })
    expect((await send(first.port, '/')).kind).toBe('answer')
    expect(first.alive).toBe(true)
    expect(first.log.saying('another process has taken over')).toEqual([])
  } finally {
    await second.close()
    await first.close()
  }
})
