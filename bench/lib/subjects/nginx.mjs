import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstLine, programPath } from '../programs.mjs'
import { freePort, startProcess, workFolder } from '../start-process.mjs'
import { tlsFiles } from '../tls-files.mjs'

const path = programPath('nginx')

export const nginx = {
  setup: 'one worker, keep-alive to clients and upstream, HTTP/1.1, access log off',
  missing: () => (path === null ? 'not installed (Debian: nginx-light)' : null),
  version: () => firstLine(path, ['-v']).replace('nginx version: ', ''),
  async start(scenario, origin) {
    const folder = workFolder()
    chmodSync(folder, 0o755)
    const port = await freePort()
    const statusPort = await freePort()
    const idle = Math.max(128, scenario.connections)
    const scheme = scenario.origin.tls === true ? 'https' : 'http'
    const listen = scenario.needs?.includes('tls.certificates')
      ? `127.0.0.1:${port} ssl; ssl_certificate ${tlsFiles.cert}; ssl_certificate_key ${tlsFiles.key}`
      : `127.0.0.1:${port}`
    const lock = scenario.kind === 'stampede' ? 'proxy_cache_lock on;' : ''
    const cache = scenario.cached ? `proxy_cache hits; ${lock}` : ''
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log crit; worker_rlimit_nofile 20000;
       events { worker_connections 16384; }
       http {
         access_log off; keepalive_requests 1000000000; keepalive_timeout 75;
         client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
         uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
         ${scenario.cached ? `proxy_cache_path ${folder}/cache keys_zone=hits:10m;` : ''}
         upstream origin { server 127.0.0.1:${origin.port}; keepalive ${idle}; keepalive_requests 1000000000; }
         server { listen ${listen};
           location / { proxy_pass ${scheme}://origin; proxy_http_version 1.1; proxy_set_header Connection ""; ${cache} } }
         server { listen 127.0.0.1:${statusPort}; location / { stub_status; } }
       }`,
    )
    const started = await startProcess(path, ['-p', folder, '-c', join(folder, 'nginx.conf')], {
      port,
      folder,
    })
    let asked = 0
    return {
      ...started,
      // As its own `nginx -s reload` does it; the old worker goes when its connections have.
      reload: async () => {
        started.child.kill('SIGHUP')
      },
      url: `${listen.includes('ssl') ? 'https' : 'http'}://127.0.0.1:${port}`,
      async requests() {
        asked += 1
        const text = await (await fetch(`http://127.0.0.1:${statusPort}/`)).text()
        // Third line: connections accepted, handled, and requests, which have our own questions among them.
        return Number(/(\d+) +(\d+) +(\d+)/.exec(text)?.[3]) - asked
      },
    }
  },
}
