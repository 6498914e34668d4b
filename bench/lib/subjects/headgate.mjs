import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
      const places = { port, adminPort, log: join(folder, 'access.log') }
      writeFileSync(file, JSON.stringify(configOf(scenario, origin, variant, places)))
      const started = await startProcess(process.execPath, [cli, 'run', '--config', file], { port, folder })
      return {
        ...started,
        url: `${scenario.needs?.includes('listen.tls') ? 'https' : 'http'}://127.0.0.1:${port}`,
        async requests() {
          return (await (await fetch(`http://127.0.0.1:${adminPort}/stats.json`)).json()).counters.requests
        },
      }
    },
  }
}

export const headgate = headgateOf(ROOT)

/** @param variant `logSample`: an access log of one session in so many; absent: none */
function configOf(scenario, origin, variant, { port, adminPort, log }) {
  const { workers = 1, filters = [], acceptor = process.env.HEADGATE_ACCEPTOR ?? 'auto' } = variant
  const { telemetry = true, logSample } = variant
  const tls = scenario.origin.tls === true ? { tls: { verify: false } } : {}
  const route = { upstream: 'origin', ...(scenario.cached && { cache: true }) }
  const burning = { match: { path: '/burn' }, upstream: 'origin', filters: [filterPath('burn-cpu.mjs')] }
  const listen = scenario.needs?.includes('listen.tls')
    ? { address: `127.0.0.1:${port}`, tls: { cert: tlsFiles.cert, key: tlsFiles.key } }
    : `127.0.0.1:${port}`
  return {
    listen,
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
        pool: { maxIdle: Math.max(128, scenario.connections) },
      },
    },
    routes: [
      ...(variant.burning === true ? [burning] : []),
      { match: { path: '/*' }, ...route, filters: filters.map(filterPath) },
    ],
  }
}
