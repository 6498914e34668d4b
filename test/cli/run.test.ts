import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { folderWith } from '../config/support.js'
import { startCli, startGatewayCli } from './support.js'

async function origin(
  handler: Parameters<typeof createServer>[1],
): Promise<{ server: Server; url: string; port: number }> {
  const server = createServer({}, handler)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { server, url: `http://127.0.0.1:${port}`, port }
}

/** An origin that holds its answers back until told. */
async function slowOrigin() {
  const release: (() => void)[] = []
  let arrive: () => void = () => undefined
  const first = new Promise<void>((resolve) => {
    arrive = resolve
  })
  const { url } = await origin((_, response) => {
    release.push(() => response.end('late but whole'))
    arrive()
  })
  return {
    url,
    first,
    release: () => {
      for (const answer of release) answer()
    },
  }
}

describe('headgate run', () => {
  it('forwards to --upstream without a config file, and says at start what listens where', async () => {
    const { url: upstream, port } = await origin((request, response) => response.end(`hello ${request.url}`))
    const cli = await startGatewayCli(['--upstream', upstream, '--workers', '1'])
    expect(await (await fetch(`${cli.url}/x?y=1`)).text()).toBe('hello /x?y=1')
    cli.child.kill('SIGTERM')
    const { code, stdout, stderr } = await cli.finished
    const [start] = stdout.split('\n').map((line) => (line === '' ? null : JSON.parse(line)))
    expect(start.msg).toMatch(
      new RegExp(
        `^headgate [\\d.]+ listens on ${cli.url} \\((uws|node)\\), 1 worker \\(as configured\\), upstream default → 127\\.0\\.0\\.1:${port}$`,
      ),
    )
    expect(start).toMatchObject({ level: 'info', start: { listen: cli.url, workers: 1, file: null } })
    expect([code, stderr]).toEqual([0, ''])
  })

  it('runs the filters of a config file', async () => {
    const { url: upstream } = await origin((_, response) => response.end('hello'))
    const greet = new URL('../../examples/filters/greet.ts', import.meta.url).pathname
    const config = {
      upstreams: { app: { peers: [upstream] } },
      routes: [{ upstream: 'app', filters: [greet] }],
    }
    const cwd = folderWith({ 'headgate.json': JSON.stringify(config) })
    const cli = await startGatewayCli([], { cwd })
    const served = await fetch(cli.url)
    expect([served.status, served.headers.get('x-served-by'), await served.text()]).toEqual([
      200,
      'headgate',
      'hello',
    ])
    expect(Number(served.headers.get('x-took-ms'))).toBeGreaterThanOrEqual(0)
    const blocked = await fetch(cli.url, { headers: { 'x-block': '1' } })
    expect([blocked.status, ((await blocked.json()) as { message: string }).message]).toEqual([
      403,
      'blocked',
    ])
  })

  it('writes one line per session unless log.access is false', async () => {
    const { url: upstream } = await origin((_, response) => response.end('hello'))
    const marker = `export default {
      name: 'marker',
      logging(session) { console.log('ended ' + session.reqHeader().uri.path) },
    }\n`
    const run = async (access: boolean) => {
      const routes = [{ upstream: 'app', filters: ['./marker.mjs'] }]
      const config = { upstreams: { app: { peers: [upstream] } }, routes, log: { access } }
      const files = { 'headgate.json': JSON.stringify(config), 'marker.mjs': marker }
      const cli = await startGatewayCli([], { cwd: folderWith(files) })
      for (const path of ['/one', '/two']) {
        await (await fetch(cli.url + path)).text()
        await cli.waitFor(new RegExp(`^ended ${path}$`, 'm'))
      }
      return cli
    }
    const loud = await run(true)
    const [line] = await loud.waitFor(/^.*"path":"\/one".*$/m)
    expect(JSON.parse(line)).toMatchObject({ level: 'info', msg: 'session', method: 'GET', status: 200 })
    const quiet = await run(false)
    quiet.child.kill('SIGTERM')
    expect((await quiet.finished).stdout).not.toContain('"path":"/one"')
  })

  it('is readable on demand, and without colour where NO_COLOR says so', async () => {
    const config = { upstreams: { app: { peers: ['127.0.0.1:1'] } }, log: { format: 'pretty' } }
    const cli = await startGatewayCli([], { cwd: folderWith({ 'headgate.json': JSON.stringify(config) }) })
    cli.child.kill('SIGTERM')
    const { stdout } = await cli.finished
    expect(stdout).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: headgate [\d.]+ listens on /)
    expect(stdout).not.toContain('\u001b')
    expect(stdout.split('\n').filter((line) => line.includes('"start"'))).toEqual([])
  })

  it('names the admin listener in the start line, and it answers', async () => {
    const cli = startCli([
      'run',
      '--upstream',
      '127.0.0.1:1',
      '--listen',
      '127.0.0.1:0',
      '--admin',
      '127.0.0.1:0',
    ])
    const [, admin = ''] = await cli.waitFor(/, admin (http:\/\/127\.0\.0\.1:[1-9]\d*)"/)
    expect((await fetch(`${admin}/live`)).status).toBe(200)
  })

  it('exits 1 with a clear message when the admin port is taken', async () => {
    const { port } = await origin(() => undefined)
    const flags = ['--upstream', '127.0.0.1:1', '--listen', '127.0.0.1:0', '--admin', `127.0.0.1:${port}`]
    const { code, stdout } = await startCli(['run', ...flags]).finished
    expect(stdout).toContain(`cannot listen on 127.0.0.1:${port}: another process listens there`)
    expect(stdout).toContain('with --admin')
    expect(code).toBe(1)
  })

  it('exits 78 with the position of a filter that cannot be loaded', async () => {
    const cwd = folderWith({
      'headgate.yaml':
        'upstreams: { app: { peers: [a:1] } }\nroutes:\n  - upstream: app\n    filters: [./f.ts]\n',
      'f.ts': 'export default {}\n',
    })
    const { code, stdout, stderr } = await startCli(['run', '--listen', '127.0.0.1:0', '--admin', 'off'], {
      cwd,
    }).finished
    expect(stderr).toMatch(/^headgate\.yaml:4:15: error: routes\[0\]\.filters\[0\]: .*needs a 'name'/)
    expect([code, stdout]).toEqual([78, ''])
  })

  it('exits 1 with a clear message when the port is taken', async () => {
    const { port } = await origin(() => undefined)
    const cli = startCli([
      'run',
      '--upstream',
      'http://127.0.0.1:1',
      '--listen',
      `127.0.0.1:${port}`,
      '--admin',
      'off',
    ])
    const { code, stdout } = await cli.finished
    expect(stdout).toContain(`cannot listen on 127.0.0.1:${port}: another process listens there`)
    expect(code).toBe(1)
  })
})

describe('signals', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s loses no accepted request and exits 0', async (signal) => {
    const slow = await slowOrigin()
    const cli = await startGatewayCli(['--upstream', slow.url])
    const answer = fetch(`${cli.url}/slow`).then((response) => response.text())
    await slow.first
    cli.child.kill(signal)
    await cli.waitFor(/finishing the sessions in flight/)
    slow.release()
    expect(await answer).toBe('late but whole')
    const { code, stdout } = await cli.finished
    expect(stdout).toContain('stopped; no session was lost')
    expect(code).toBe(0)
  })

  it('no new connection is accepted while draining', async () => {
    const slow = await slowOrigin()
    const cli = await startGatewayCli(['--upstream', slow.url])
    const answer = fetch(`${cli.url}/slow`).then((response) => response.text())
    await slow.first
    cli.child.kill('SIGTERM')
    await cli.waitFor(/finishing the sessions in flight/)
    const { hostname, port } = new URL(cli.url)
    // The signal is logged before the listener closes: the first refusal ends the wait.
    for (let refused = false; !refused; ) refused = await isRefused(hostname, Number(port))
    slow.release()
    expect(await answer).toBe('late but whole')
    expect((await cli.finished).code).toBe(0)
  })

  it('a second SIGTERM cuts what is left, says how many sessions, and exits 1', async () => {
    const slow = await slowOrigin()
    const cli = await startGatewayCli(['--upstream', slow.url])
    const answer = fetch(`${cli.url}/slow`).then(
      () => 'answered',
      () => 'cut',
    )
    await slow.first
    cli.child.kill('SIGTERM')
    await cli.waitFor(/finishing the sessions in flight/)
    cli.child.kill('SIGTERM')
    const { code, stdout } = await cli.finished
    expect(stdout).toContain('SIGTERM once more: stopped; 1 session was cut')
    expect(await answer).toBe('cut')
    expect(code).toBe(1)
  })

  it('drain.timeout cuts what takes too long, and says so', async () => {
    const slow = await slowOrigin()
    const config = { upstreams: { app: { peers: [slow.url] } }, drain: { timeout: '50ms' } }
    const cli = await startGatewayCli([], { cwd: folderWith({ 'headgate.json': JSON.stringify(config) }) })
    const answer = fetch(`${cli.url}/slow`).catch(() => null)
    await slow.first
    cli.child.kill('SIGTERM')
    const { code, stdout } = await cli.finished
    expect(stdout).toContain('stopped; 1 session was not finished in time and cut')
    expect(await answer).toBeNull()
    expect(code).toBe(1)
  })
})

describe('--demo', () => {
  it('serves the demo origin through the gateway', async () => {
    const cli = await startGatewayCli(['--demo'])
    const page = await fetch(cli.url)
    const html = await page.text()
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const id = page.headers.get('x-request-id')
    expect(id).toMatch(/^req-[0-9a-f-]{36}$/)
    expect(html).toContain(`Request id <code>${id}</code>`)
    const body = 'x'.repeat(100_000)
    const upload = await fetch(`${cli.url}/upload`, { method: 'POST', body })
    expect(await upload.json()).toMatchObject({ bytes: 100_000 })
    const events = await fetch(`${cli.url}/events`)
    const reader = events.body?.getReader()
    const first = await reader?.read()
    expect(Buffer.from(first?.value ?? []).toString()).toMatch(/^id: 1\ndata: \{"number":1,/)
    await reader?.cancel()
    cli.child.kill('SIGTERM')
    expect((await cli.finished).code).toBe(0)
  })
})

function isRefused(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    socket.on('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.on('error', () => resolve(true))
  })
}
