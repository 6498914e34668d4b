import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { freePort, startProcess } from '../start-process.mjs'

/** A proxy of the Node world: `bench/peers/servers/NAME.mjs` in a process of its own. */
export function nodePeer(name, setup, packageName = name) {
  const manifest = fileURLToPath(
    new URL(`../../peers/node_modules/${packageName}/package.json`, import.meta.url),
  )
  const script = fileURLToPath(new URL(`../../peers/servers/${name}.mjs`, import.meta.url))
  return {
    setup,
    missing: () => (existsSync(manifest) ? null : 'not installed (npm ci --prefix bench/peers)'),
    version: () => JSON.parse(readFileSync(manifest, 'utf8')).version,
    async start(scenario, origin) {
      const port = await freePort()
      const env = {
        PORT: String(port),
        ORIGIN: origin.url,
        CONNECTIONS: String(Math.max(128, scenario.connections)),
        NODE_ENV: 'production',
      }
      const started = await startProcess(process.execPath, [script], { port, ipc: true, env })
      return {
        ...started,
        url: `http://127.0.0.1:${port}`,
        requests: () =>
          new Promise((resolve) => {
            started.child.once('message', resolve)
            started.child.send('requests')
          }),
      }
    },
  }
}
