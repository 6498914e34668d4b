import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { topLines } from '#src/cli/top-lines.js'
import { startScreen } from '#src/cli/top-screen.js'
import type { GatewayStats } from '#src/control/index.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { runCli } from './support.js'

const TOKEN = 'a-token-of-sixteen-or-more'
let origin: HttpOrigin
let gateway: InProcessGateway
const admin = (): string => `http://127.0.0.1:${gateway.gateway.admin?.port}`

beforeAll(async () => {
  origin = await HttpOrigin.start((_, response) => void response.end('ok'))
  gateway = await InProcessGateway.start({
    admin: { listen: '127.0.0.1:0', token: TOKEN },
    upstreams: { app: { peers: [origin.address] } },
  })
  await fetchAnswer(gateway.port, '/')
})
afterAll(async () => {
  await gateway.close()
  await origin.close()
})

describe('headgate top', () => {
  it('--json is a line for each look, the same as /stats.json', async () => {
    const args = ['top', '--admin', admin(), '--json', '--count', '2', '--interval', '100ms']
    const { code, stdout } = await runCli(args, { env: { HEADGATE_ADMIN_TOKEN: TOKEN } })
    expect(code).toBe(0)
    const looks: GatewayStats[] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(looks.map(({ counters }) => counters.requests)).toEqual([1, 1])
  })

  it('without a terminal each look is a block of lines; what is wrong is said in one', async () => {
    const shown = await runCli(['top', '--admin', admin(), '--count', '1'], {
      env: { HEADGATE_ADMIN_TOKEN: TOKEN },
    })
    expect(shown.stdout).toContain('ready')
    expect(shown.stdout).toContain(origin.address)
    expect(shown.stdout).not.toContain('\x1b')
    const refused = await runCli(['top', '--admin', admin(), '--count', '1'])
    expect([refused.code, refused.stderr]).toEqual([
      1,
      `${admin()}: the admin listener answers 401: the token is missing or wrong\n`,
    ])
  })

  it('tells phases, reuse of connections, the cache and open breakers, as the dashboard does', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` }
    const answer = await fetchAnswer(gateway.gateway.admin?.port ?? 0, '/stats.json', { headers })
    const stats: GatewayStats = JSON.parse(answer.body.toString())
    const style = { width: 200, color: false }
    const plain = topLines(stats, admin(), style).join('\n')
    expect(plain).toMatch(/phases {3}queue \S+.*ttfb \S+.*write \S+/)
    expect(plain).toMatch(/pool reuse \d+ %\n/)
    expect(plain).not.toContain('breaker')
    const cache = { hitRatio: 0.756, bytes: 3 * 1024 * 1024, capacityBytes: 256 * 1024 * 1024, entries: 5 }
    const upstreams = stats.upstreams.map((upstream) => ({ ...upstream, breaker: 'open' as const }))
    const busy = topLines({ ...stats, cache, upstreams }, admin(), style).join('\n')
    expect(busy).toMatch(/pool reuse \d+ % {3}cache 76 % hits, 3\.0 MiB of 256\.0 MiB\n/)
    expect(busy).toMatch(/app +breaker open\n/)
  })

  it('on a terminal it is refreshed in place, never wider or higher than that, and given back at the end', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` }
    const stats: GatewayStats = JSON.parse(
      (await fetchAnswer(gateway.gateway.admin?.port ?? 0, '/stats.json', { headers })).body.toString(),
    )
    let written = ''
    const output = {
      isTTY: true,
      columns: 60,
      rows: 10,
      write(part: string | Uint8Array) {
        written += part
        return true
      },
    }
    const screen = startScreen(output, { NO_COLOR: '1' })
    screen.show(stats, 'http://127.0.0.1:9901')
    const look = written.slice(written.indexOf('\x1b[H'))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what the sequences begin with
    const lines = look.replace(/\x1b\[[?\d]*[a-zA-Z]/g, '').split('\r\n')
    expect(lines.length).toBeLessThanOrEqual(10)
    expect(lines.slice(1).every((line) => line.length <= 60)).toBe(true)
    screen.close()
    screen.close()
    expect(written.split('\x1b[?1049l')).toHaveLength(2)
    expect(written.startsWith('\x1b[?1049h')).toBe(true)
  })
})
