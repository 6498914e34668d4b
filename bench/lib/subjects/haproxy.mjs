import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstLine, programPath } from '../programs.mjs'
import { freePort, startProcess, workFolder } from '../start-process.mjs'
import { tlsFiles } from '../tls-files.mjs'

const path = programPath('haproxy')

export const haproxy = {
  setup: 'one thread, keep-alive to clients and upstream (`http-reuse always`), no log',
  missing: () => (path === null ? 'not installed (Debian: haproxy)' : null),
  version: () => /version (\S+)/.exec(firstLine(path, ['-v']))?.[1] ?? '',
  async start(scenario, origin) {
    const folder = workFolder()
    const port = await freePort()
    const statsPort = await freePort()
    const secure = scenario.needs?.includes('tls.certificates') === true
    if (secure)
      writeFileSync(join(folder, 'pair.pem'), readFileSync(tlsFiles.cert) + readFileSync(tlsFiles.key))
    const cache = scenario.cached ? ['  http-request cache-use hits', '  http-response cache-store hits'] : []
    const lines = [
      'global',
      '  nbthread 1',
      '  maxconn 8192',
      'defaults',
      '  mode http',
      '  option http-keep-alive',
      '  http-reuse always',
      '  timeout connect 5s',
      '  timeout client 60s',
      '  timeout server 60s',
      '  timeout http-keep-alive 60s',
      ...(scenario.cached
        ? ['cache hits', '  total-max-size 64', '  max-object-size 131072', '  max-age 3600']
        : []),
      'frontend clients',
      `  bind 127.0.0.1:${port}${secure ? ` ssl crt ${folder}/pair.pem` : ''}`,
      '  default_backend origin',
      'backend origin',
      ...cache,
      `  server one 127.0.0.1:${origin.port} pool-max-conn ${Math.max(128, scenario.connections)}${scenario.origin.tls === true ? ' ssl verify none' : ''}`,
      'frontend stats',
      `  bind 127.0.0.1:${statsPort}`,
      '  stats enable',
      '  stats uri /',
    ]
    writeFileSync(join(folder, 'haproxy.cfg'), `${lines.join('\n')}\n`)
    // Only a master can load its configuration again.
    const master = scenario.kind === 'reload' ? ['-W'] : []
    const started = await startProcess(path, ['-db', ...master, '-f', join(folder, 'haproxy.cfg')], {
      port,
      folder,
    })
    return {
      ...started,
      reload: async () => {
        started.child.kill('SIGUSR2')
      },
      url: `${secure ? 'https' : 'http'}://127.0.0.1:${port}`,
      async requests() {
        const rows = (await (await fetch(`http://127.0.0.1:${statsPort}/;csv`)).text()).split('\n')
        const names = (rows[0] ?? '').replace('# ', '').split(',')
        const frontend = rows.find((row) => row.startsWith('clients,FRONTEND'))?.split(',') ?? []
        return Number(frontend[names.indexOf('req_tot')])
      },
    }
  },
}
