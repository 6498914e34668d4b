import { fork, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { about, addRemark, addTable, short } from '../lib/document.mjs'

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const CONNECTIONS = 32
const VAST =
  '<VAST version="4.2"><Ad id="a1"><InLine><AdSystem>b</AdSystem><AdTitle>t</AdTitle>' +
  '<Impression><![CDATA[http://127.0.0.1/seen]]></Impression><Creatives><Creative id="c1"><Linear><Duration>00:00:05</Duration>' +
  '<MediaFiles><MediaFile delivery="progressive" type="video/mp4" width="640" height="360"><![CDATA[http://127.0.0.1/v.mp4]]></MediaFile>' +
  '</MediaFiles></Linear></Creative></Creatives></InLine></Ad></VAST>'

if (process.argv[2] === 'origin') {
  const server = createServer((_, response) => response.end(VAST))
  server.listen(0, '127.0.0.1', () => process.send(server.address().port))
  process.on('disconnect', () => process.exit(0))
} else await main()

async function main() {
  about(
    'An ad request through a gateway',
    'CPU of the whole gateway process with one worker for one ad request: consent, two caps and a budget reserved, an ad server asked, VAST read and written with event URLs. Beside it the same document merely forwarded.',
  )
  const requests = short ? 1_000 : 6_000
  const folder = mkdtempSync(join(tmpdir(), 'headgate-bench-ads-'))
  const origin = fork(fileURLToPath(import.meta.url), ['origin'])
  const port = await new Promise((resolve) => origin.once('message', resolve))
  const redis = await startRedis(folder)
  if (redis === null) addRemark('redis: not measured, redis-server is not installed')
  const stores = {
    memory: { kind: 'memory' },
    'lmdb, durability: process': { kind: 'lmdb', path: join(folder, 'process'), durability: 'process' },
    'lmdb, durability: disk': { kind: 'lmdb', path: join(folder, 'disk') },
    ...(redis === null ? {} : { redis: { kind: 'redis', url: redis.url } }),
  }
  const names = Object.keys(stores)
  const routes = names.map((name, at) => adRoute(`/ads${at}/*`, port, stores[name]))
  const file = join(folder, 'headgate.json')
  writeFileSync(
    file,
    JSON.stringify({
      listen: '127.0.0.1:0',
      admin: false,
      workers: 1,
      upstreams: { origin: { peers: [`127.0.0.1:${port}`] } },
      routes: [...routes, { match: { path: '/*' }, upstream: 'origin' }],
    }),
  )
  const gateway = spawn(process.execPath, [CLI, 'run', '--config', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await listening(gateway)
  const rows = []
  for (const [name, path] of [
    ['forwarded', '/plain'],
    ...names.map((name, at) => [`ad, ${name}`, `/ads${at}/vast?placement_id=p1`]),
  ]) {
    await load(url + path, Math.ceil(requests / 4))
    const before = cpuMs(gateway.pid)
    const startMs = performance.now()
    await load(url + path, requests)
    const seconds = (performance.now() - startMs) / 1000
    rows.push([
      name,
      Math.round(((cpuMs(gateway.pid) - before) * 1000) / requests),
      Math.round(requests / seconds),
    ])
  }
  addTable('', ['', 'CPU µs a request', 'requests/s'], rows)
  gateway.kill('SIGKILL')
  redis?.stop()
  origin.disconnect()
  rmSync(folder, { recursive: true, force: true })
  process.exit(0)
}

function adRoute(path, port, store) {
  return {
    match: { path },
    adserving: {
      vast: { url: `http://127.0.0.1:${port}/vast?cb=[CACHEBUSTING]` },
      store,
      guard: { allow: ['127.0.0.0/8'], ports: [] },
      campaigns: {
        c: {
          caps: [
            { max: 10_000, every: '1h' },
            { max: 10_000, calendar: 'day' },
          ],
          cpm: '2.00',
          budget: '1000000.00',
        },
      },
      events: { path: path.replace('*', 'event'), secrets: ['a secret of the bench, of thirty-two bytes'] },
    },
  }
}

/** Where it listens, from the line that says so. */
function listening(gateway) {
  return new Promise((resolve, reject) => {
    let text = ''
    gateway.stdout.on('data', (piece) => {
      text = (text + piece).slice(-4000)
      const match = /"listen":"(http:[^"]+?)\/?"/.exec(text)
      if (match !== null) resolve(match[1])
    })
    gateway.once('exit', () => reject(new Error(`the gateway did not start: ${text}`)))
  })
}

/** User and system time of all threads. */
function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

async function load(url, count) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  let left = count
  const one = () =>
    new Promise((resolve, reject) => {
      const headers = { cookie: `user_id=u${left % 1000}` }
      get(url, { agent, headers }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`))
        const result = response.headers['x-ad-result'] ?? 'fill'
        if (result !== 'fill') reject(new Error(`no ad: ${result}`))
        response.resume().on('end', resolve)
      }).on('error', reject)
    })
  const loop = async () => {
    while (left > 0) {
      left -= 1
      await one()
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, loop))
  agent.destroy()
}

async function startRedis(folder) {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder]
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const started = await new Promise((resolve) => {
    child.once('error', () => resolve(false))
    child.stdout.on('data', (text) => String(text).includes('Ready to accept') && resolve(true))
    child.once('exit', () => resolve(false))
  })
  return started ? { url: `redis://127.0.0.1:${port}`, stop: () => child.kill('SIGKILL') } : null
}
