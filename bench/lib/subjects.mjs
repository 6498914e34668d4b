import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const NGINX = ['/usr/sbin/nginx', 'nginx'].find((path) => spawnSync(path, ['-v']).error === undefined) ?? null

/** @returns nginx's version line, or null when it is not installed */
export function nginxVersion() {
  return NGINX === null
    ? null
    : spawnSync(NGINX, ['-v']).stderr.toString().trim().replace('nginx version: ', '')
}

/** A free loopback port. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

function untilItListens(port) {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 20_000
    const attempt = () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('connect', () => {
        socket.destroy()
        resolve()
      })
      socket.on('error', () => {
        if (Date.now() > deadline) reject(new Error(`nothing listens on port ${port}`))
        else setTimeout(attempt, 50)
      })
    }
    attempt()
  })
}

async function startProcess(command, args, port, dir) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  await untilItListens(port)
  return {
    pid: child.pid,
    port,
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        child.on('exit', () => {
          rmSync(dir, { recursive: true, force: true })
          resolve()
        })
        child.kill('SIGTERM')
      }),
  }
}

async function startNginx(port, server, upstream = '', file = '') {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-bench-'))
  const config = join(dir, 'nginx.conf')
  writeFileSync(join(dir, 'body'), file)
  // Its worker may run as another user.
  chmodSync(dir, 0o755)
  writeFileSync(
    config,
    `daemon off; worker_processes 1; pid ${dir}/pid; error_log ${dir}/error.log crit;
     events { worker_connections 8192; }
     http { access_log off; client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f;
       uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s; keepalive_requests 1000000000; keepalive_timeout 75;
       ${upstream}
       server { listen 127.0.0.1:${port}; root ${dir}; ${server} } }`,
  )
  return startProcess(NGINX, ['-p', dir, '-c', config], port, dir)
}

/** An origin that answers every request with `bytes` bytes. */
export async function nginxOrigin(bytes) {
  const port = await freePort()
  // A parameter of nginx's configuration holds 4 KiB at most.
  const body = bytes <= 2048 ? `return 200 "${'x'.repeat(bytes)}";` : 'try_files /body =404;'
  return startNginx(
    port,
    `location / { default_type text/plain; add_header Cache-Control "public, max-age=3600"; ${body} }`,
    '',
    'x'.repeat(bytes),
  )
}

/** nginx as its authors advise for a proxy: keep-alive to the upstream, HTTP/1.1, one worker. */
export async function nginxProxy(originPort, { cache = false } = {}) {
  const port = await freePort()
  // Relative to its prefix.
  const zone = cache ? 'proxy_cache_path cache keys_zone=cache:10m use_temp_path=off;' : ''
  const use = cache ? 'proxy_cache cache; add_header Cache-Status $upstream_cache_status;' : ''
  return startNginx(
    port,
    `location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; ${use} }`,
    `${zone} upstream origin { server 127.0.0.1:${originPort}; keepalive 128; keepalive_requests 1000000000; }`,
  )
}

/** Headgate with the given rest of a configuration. */
export async function headgate(
  originPort,
  { workers = 1, filters = [], cache = false, acceptor = 'uws' } = {},
) {
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'headgate-bench-'))
  const file = join(dir, 'headgate.json')
  writeFileSync(
    file,
    JSON.stringify({
      listen: `127.0.0.1:${port}`,
      admin: false,
      workers,
      acceptor,
      log: { level: 'warn', access: false },
      upstreams: { origin: { peers: [`127.0.0.1:${originPort}`] } },
      routes: [{ match: { path: '/*' }, upstream: 'origin', filters, cache }],
    }),
  )
  return startProcess(process.execPath, [CLI, 'run', '--config', file], port, dir)
}
