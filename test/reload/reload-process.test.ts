import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, type TestConfig } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { SteadyLoad } from '../support/steady-load.js'
import { VersionedFilter, versionOf } from './support.js'

conserved()

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

interface Run {
  readonly code: number
  readonly output: string
}

function cli(args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [CLI, ...args], (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    )
  })
}

let origin: HttpOrigin
let filter: VersionedFilter
let config: TestConfig
beforeEach(async () => {
  origin = await HttpOrigin.start((_, response) => void response.end('fine'))
  filter = new VersionedFilter('one')
  config = {
    admin: '127.0.0.1:0',
    upstreams: { app: { peers: [origin.address] } },
    routes: [{ upstream: 'app', filters: [filter.path] }],
  }
})
afterEach(async () => {
  filter.remove()
  await origin.close()
})

it('C9 reloads under load without a failed request; what is broken changes nothing and is told', {
  timeout: 90_000,
}, async () => {
  const gateway = await GatewayProcess.start(config)
  const load = new SteadyLoad(gateway.port, '/', 4)
  const admin = `127.0.0.1:${gateway.adminPort}`
  const post = (path: string) => fetchAnswer(gateway.adminPort, path, { method: 'POST' })
  const metric = async (name: string): Promise<string | undefined> => {
    const { body } = await fetchAnswer(gateway.adminPort, '/metrics')
    return new RegExp(`^headgate_${name} (.*)$`, 'm').exec(body.toString())?.[1]
  }
  try {
    filter.write('two')
    expect(await versionOf(gateway.port)).toBe('one')
    const before = Number(await metric('sessions_total'))
    const { status, body } = await post('/reload')
    expect([status, JSON.parse(body.toString())]).toEqual([
      200,
      { reloaded: true, generation: 2, warnings: [] },
    ])
    expect(await versionOf(gateway.port)).toBe('two')
    expect(Number(await metric('sessions_total'))).toBeGreaterThanOrEqual(before)
    expect(await metric('config_last_reload_successful')).toBe('1')

    // A filter that does not load.
    filter.writeText('export default {')
    const broken = await cli(['reload', '--admin', admin])
    expect(broken.code).toBe(78)
    expect(broken.output).toContain('routes[0].filters[0]')
    expect(broken.output).toContain('nothing was changed')
    expect(await versionOf(gateway.port)).toBe('two')
    expect(await metric('config_last_reload_successful')).toBe('0')

    // A configuration that is none.
    filter.write('three')
    gateway.rewrite({ ...config, routes: [{ upstream: 'ap' }] })
    const wrong = await post('/reload')
    expect(wrong.status).toBe(422)
    expect(wrong.body.toString()).toContain("did you mean 'app'")
    // What belongs to the socket.
    gateway.rewrite({ ...config, listen: '127.0.0.1:1', workers: 3 })
    expect(JSON.parse((await post('/reload')).body.toString())).toEqual({
      reloaded: false,
      problems: [
        "'listen' cannot change without a restart",
        "'workers' cannot become 3 without a restart: at most 2, as many as at the start",
      ],
    })
    expect(await versionOf(gateway.port)).toBe('two')

    gateway.rewrite(config)
    gateway.signal('SIGHUP')
    await gateway.log.until((line) => line.msg === 'SIGHUP: reloaded' && line['generation'] === 3)
    expect(await versionOf(gateway.port)).toBe('three')
    await load.stop()
    expect(load.unusual()).toEqual([])
    expect(load.answered).toBeGreaterThan(100)
    // Connections that pools keep for a while, and what the third set of workers has open.
    await gateway.settle(32)

    // B23 not from a page of another origin, and not with GET.
    const foreign = { method: 'POST', headers: { origin: 'http://evil.example' } }
    expect((await fetchAnswer(gateway.adminPort, '/reload', foreign)).status).toBe(403)
    expect((await fetchAnswer(gateway.adminPort, '/reload')).status).toBe(405)

    expect(await cli(['drain', '--admin', admin])).toEqual({ code: 0, output: 'draining\n' })
    expect(await gateway.exit).toEqual({ code: 0, signal: null })
  } finally {
    await load.stop()
    await gateway.close()
  }
})

it('--watch reloads when a filter has changed, and says what is wrong with a change that is not taken', {
  timeout: 60_000,
}, async () => {
  const gateway = await GatewayProcess.start(config, ['--watch'])
  try {
    filter.write('two')
    await gateway.log.until((line) => line.msg === 'a file has changed: reloaded')
    await eventually('the new version answers', async () => (await versionOf(gateway.port)) === 'two')
    filter.writeText('nonsense nonsense')
    await gateway.log.until(
      (line) => line.msg?.startsWith('a file has changed: not reloaded, nothing was changed') === true,
    )
    expect(await versionOf(gateway.port)).toBe('two')
  } finally {
    await gateway.close()
  }
})
