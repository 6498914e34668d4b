import { expect, it } from 'vitest'
import { upgradeUnderLoad } from '../reload/upgrade-under-load.js'
import { HttpOrigin } from '../support/http-origin.js'

it('C8 five upgrades under load lose no request', { timeout: 300_000 }, async () => {
  const origin = await HttpOrigin.start((_, response) => void response.end('fine'))
  try {
    const upstreams = { app: { peers: [origin.address] } }
    const report = await upgradeUnderLoad(
      { admin: false, workers: 1, acceptor: 'uws', log: { access: false }, upstreams },
      5,
    )
    process.stdout.write(
      `${report.connections} requests on their own connections, ${report.kept} on kept ones\n`,
    )
    expect(report.failures).toEqual([])
  } finally {
    await origin.close()
  }
})
