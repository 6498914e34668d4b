// Starts the whole demo: the ad server in this process, the gateway in one of its own. Ctrl+C ends both.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { server } from './ad-server.mjs'

if (!server.listening) await once(server, 'listening')
const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const gateway = spawn(process.execPath, [at('../../dist/cli.js'), 'run', '--config', at('headgate.yaml')], {
  env: { ...process.env, AD_SERVER: `127.0.0.1:${server.address().port}` },
  stdio: 'inherit',
})
gateway.once('exit', (code) => process.exit(code ?? 1))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => gateway.kill(signal))
