import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programPath } from '../programs.mjs'
import { requestsOf } from '../request.mjs'
import { freePort, startProcess, workFolder } from '../start-process.mjs'
import { tlsFiles } from '../tls-files.mjs'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const filterPath = (name) => fileURLToPath(new URL(`../../filters/${name}`, import.meta.url))

/** Headgate out of a checkout that is built. @param root of the checkout; the gate measures two. */
export function headgateOf(root) {
  const cli = join(root, 'dist/cli.js')
  return {
    setup: 'one worker thread beside the acceptor, access log off, admin listener on',
    missing: () => null,
    version: () => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
    async start(scenario, origin, variant = {}) {
      const folder = workFolder()
      const port = await freePort()
      const adminPort = await freePort()
      const file = join(folder, 'headgate.json')
      const redis = variant.ads === 'redis' ? await startRedis() : null
      const places = { port, adminPort, folder, redis, log: join(folder, 'access.log') }
      const config = configOf(scenario, origin, variant, places)
      writeFileSync(file, JSON.stringify(config))
      const started = await startProcess(process.execPath, [cli, 'run', '--config', file], {
        port,
        folder,
      }).catch(async (error) => {
        await redis?.stop()
        throw error
      })
      const url = `${scenario.needs?.includes('tls.certificates') ? 'https' : 'http'}://127.0.0.1:${port}`
      return {
        ...started,
        ...(redis !== null && { otherPids: [redis.pid] }),
        async stop() {
          await started.stop()
          await redis?.stop()
        },
        ...(variant.ads !== undefined && { makesAnswers: true, check: () => isFilled(url, scenario) }),
        async reload() {
          // A change, so that it is not passed over.
          config.routes.push({ match: { path: `/generation-${config.routes.length}` }, upstream: 'origin' })
          writeFileSync(file, JSON.stringify(config))
          const { status } = await fetch(`http://127.0.0.1:${adminPort}/reload`, { method: 'POST' })
          if (status !== 200) throw new Error(`the admin listener answered ${status}`)
        },
        url,
        async requests() {
          return (await (await fetch(`http://127.0.0.1:${adminPort}/stats.json`)).json()).counters.requests
        },
      }
    },
  }
}

export const headgate = headgateOf(ROOT)

/** Redis of its own, on loopback and without files. */
async function startRedis() {
  const path = programPath('redis-server')
  if (path === null) throw new Error('redis-server is not installed')
  const port = await freePort()
  const folder = workFolder()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder]
  return { port, ...(await startProcess(path, args, { port, folder })) }
}

/** Decisions that end without an ad would be cheaper. */
async function isFilled(url, scenario) {
  for (const { path, headers } of requestsOf(scenario).slice(0, 20)) {
    const response = await fetch(`${url}${path}`, { headers })
    const result = response.headers.get('x-ad-result')
    if (result !== 'fill') return [`the ad decision ended with ${result}`]
    if (!(await response.text()).includes('<Ad')) return ['the document has no ad in it']
  }
  return []
}

function adRoute(kind, origin, { folder, redis }) {
  return {
    match: { path: '/ads' },
    adserving: {
      vast: { url: `http://127.0.0.1:${origin.port}/vast`, forward: [] },
      guard: { allow: ['127.0.0.0/8'], ports: [] },
      store: {
        kind,
        ...(kind === 'lmdb' && { path: join(folder, 'state') }),
        ...(kind === 'redis' && { url: `redis://127.0.0.1:${redis.port}` }),
      },
      campaigns: {
        summer: {
          cpm: '2.00',
          budget: '1000000.00',
          caps: [
            { max: 10_000, every: '1h' },
            { max: 10_000, calendar: 'day' },
          ],
        },
      },
    },
  }
}

/** @param variant `logSample`: an access log of one session in so many; absent: none */
function configOf(scenario, origin, variant, { port, adminPort, folder, redis, log }) {
  const { workers = 1, filters = [], acceptor = process.env.HEADGATE_ACCEPTOR ?? 'auto' } = variant
  const { telemetry = true, logSample } = variant
  const tls = scenario.origin.tls === true ? { tls: { verify: false } } : {}
  const route = { upstream: 'origin', ...(scenario.cached && { cache: true }) }
  const burning = { match: { path: '/burn' }, upstream: 'origin', filters: [filterPath('burn-cpu.mjs')] }
  const secure = scenario.needs?.includes('tls.certificates') === true
  return {
    listen: `127.0.0.1:${port}`,
    ...(secure && { tls: { certificates: [{ cert: tlsFiles.cert, key: tlsFiles.key }] } }),
    admin: `127.0.0.1:${adminPort}`,
    workers,
    acceptor,
    log: { level: 'warn', access: logSample !== undefined },
    ...(logSample !== undefined && { accessLog: { file: log, sample: logSample } }),
    // Builds from before this key are measured too.
    ...(!telemetry && { telemetry }),
    ...(scenario.cached && { cache: { size: '64MiB' } }),
    upstreams: {
      origin: {
        peers: [`127.0.0.1:${origin.port}`],
        ...tls,
        // As long as nginx keeps them: while the others have their turn no connection may grow too old.
        pool: { maxIdle: Math.max(128, scenario.connections), idle: '60s' },
      },
    },
    routes: [
      ...(variant.burning === true ? [burning] : []),
      ...(variant.ads !== undefined ? [adRoute(variant.ads, origin, { folder, redis })] : []),
      { match: { path: '/*' }, ...route, filters: filters.map(filterPath) },
    ],
  }
}
