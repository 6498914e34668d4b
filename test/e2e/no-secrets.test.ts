import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin, refusedPort } from '../support/http-origin.js'

conserved()

const CANARY = 'canary-71b0c9d2e4f6a8'

it('B22 secrets of clients and of the configuration are in no log, metric, page or dump', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-secrets-'))
  const file = join(folder, 'access.log')
  const origin = await HttpOrigin.start((_, response) => void response.end('ok'))
  const token = `${CANARY}-admin`
  const gateway = await InProcessGateway.start({
    admin: { listen: '127.0.0.1:0', token },
    workers: 1,
    accessLog: { file, headers: ['authorization', 'cookie', 'referer', 'x-api-key'] },
    upstreams: {
      app: { peers: [origin.address] },
      dead: { peers: [`127.0.0.1:${await refusedPort()}`], retries: { max: 0 } },
    },
    routes: [
      { match: { path: '/dead' }, upstream: 'dead' },
      {
        match: { path: '/app/*' },
        upstream: 'app',
        filters: [{ use: 'headers', with: { request: { set: { 'X-Upstream-Key': CANARY } } } }],
      },
    ],
  })
  try {
    const headers = {
      authorization: `Bearer ${CANARY}`,
      cookie: `sid=${CANARY}`,
      'x-api-key': CANARY,
      referer: `http://me:${CANARY}@a.test/?token=${CANARY}#${CANARY}`,
    }
    const shown: [string, string][] = []
    for (const path of ['/app/a', '/dead', '/nowhere']) {
      const answer = await fetchAnswer(gateway.port, `${path}?token=${CANARY}&%6bey=${CANARY}`, { headers })
      shown.push([path, `${answer.body} ${JSON.stringify(answer.headers)}`])
    }
    await gateway.settle()
    const port = gateway.gateway.admin?.port ?? 0
    const asAdmin = { headers: { authorization: `Bearer ${token}`, accept: '*/*' } }
    const list = (await fetchAnswer(port, '/', asAdmin)).body.toString()
    // The stream never ends; what it shows is made of /stats.json.
    const paths = [...list.matchAll(/GET (\/\S*)/g)]
      .map(([, path = '']) => path)
      .filter((path) => path !== '/events')
    expect(paths).toEqual(expect.arrayContaining(['/metrics', '/stats.json', '/config', '/histogram.hlog']))
    for (const path of paths) {
      const { status, body } = await fetchAnswer(port, path, asAdmin)
      expect(status, path).toBeLessThan(300)
      shown.push([path, body.toString()])
    }
    const profile = await fetchAnswer(port, '/capture?seconds=1', { ...asAdmin, method: 'POST' })
    expect(profile.status).toBe(200)
    shown.push(['/capture', profile.body.toString()])
    await eventually('the lines are written', () => readFileSync(file, 'utf8').split('\n').length === 4)
    shown.push(
      ['access log', readFileSync(file, 'utf8')],
      ['log', JSON.stringify([gateway.log.lines, gateway.log.other])],
    )
    for (const [where, text] of shown) expect(text.includes(CANARY), where).toBe(false)
    // What was looked for did reach the gateway.
    expect(shown.find(([where]) => where === 'access log')?.[1]).toContain('token=[redacted]')
  } finally {
    await gateway.close()
    await origin.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
