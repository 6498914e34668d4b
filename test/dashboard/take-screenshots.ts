import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { chromium } from 'playwright-core'
import { loadConfig } from '#src/config/index.js'
import { startGateway } from '#src/supervisor/index.js'
import { HttpOrigin } from '../support/http-origin.js'

// The pictures of the dashboard in docs/, light and dark: a gateway with a cache in front of origins that are quick, slow and faulty, under load for a
// minute and a half. `npm run screenshots`, with CHROMIUM for a browser that lies elsewhere.
const LOAD_MS = 75_000
const BASELINE_MS = 35_000
const CLIENTS = 24
const OBJECTS = 400

const origin = await HttpOrigin.start(async ({ url = '' }, response) => {
  if (url.startsWith('/static/')) {
    await wait(2 + Math.random() * 6)
    const length = 500 + (Number(url.slice(8)) % 40) * 1000
    response.writeHead(200, { 'cache-control': 'max-age=20', 'content-length': length })
    response.end(Buffer.alloc(length, 'x'))
    return
  }
  await wait(url.startsWith('/api/report') ? 20 + Math.random() ** 6 * 400 : 3 + Math.random() ** 4 * 60)
  response.writeHead(Math.random() < 0.004 ? 503 : 200, { 'content-type': 'application/json' })
  response.end('{"ok":true}\n')
})
const second = await HttpOrigin.start(async (_, response) => {
  await wait(4 + Math.random() ** 4 * 80)
  response.end('{"ok":true}\n')
})

const folder = mkdtempSync(join(tmpdir(), 'headgate-pictures-'))
const file = join(folder, 'headgate.json')
const config = {
  listen: '127.0.0.1:0',
  admin: '127.0.0.1:0',
  workers: 2,
  log: { access: false },
  cache: { size: '64MiB' },
  upstreams: {
    api: { peers: [origin.address, second.address], retries: { max: 0 } },
    files: { peers: [origin.address] },
  },
  routes: [
    { match: { path: '/static/*' }, upstream: 'files', cache: true },
    { match: { path: '/api/report/*' }, upstream: 'files' },
    { match: { path: '/api/*' }, upstream: 'api' },
  ],
}
writeFileSync(file, JSON.stringify(config))
const gateway = await startGateway((await loadConfig({ file })).config, { logger: pino({ level: 'silent' }) })

const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
function ask(path: string): Promise<void> {
  return new Promise((resolve) => {
    const sent = get(
      { port: gateway.listen.port, path, agent, headers: { host: 'example.com' } },
      (answer) => {
        answer.resume()
        answer.once('close', resolve)
      },
    )
    sent.once('error', () => resolve())
  })
}

let isLoaded = true
async function client(): Promise<void> {
  while (isLoaded) {
    const dice = Math.random()
    // Few objects are asked for often, most of them seldom.
    if (dice < 0.7) await ask(`/static/${Math.floor(Math.random() ** 4 * OBJECTS)}`)
    else if (dice < 0.95) await ask(`/api/items/${Math.floor(Math.random() * 1000)}`)
    else if (dice < 0.998) await ask('/api/report/daily')
    else await ask('/nothing')
    await wait(5 + Math.random() * 20)
  }
}

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
})
try {
  const clients = Array.from({ length: CLIENTS }, () => client())
  const page = await browser.newPage({ colorScheme: 'light', viewport: { width: 1280, height: 900 } })
  await page.goto(`http://127.0.0.1:${gateway.admin?.port}/`)
  await wait(BASELINE_MS)
  await page.keyboard.press('f')
  await wait(LOAD_MS - BASELINE_MS)
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await wait(2500)
    const path = fileURLToPath(new URL(`../../docs/dashboard-${colorScheme}.png`, import.meta.url))
    await page.screenshot({ path, fullPage: true })
  }
  isLoaded = false
  await Promise.all(clients)
} finally {
  isLoaded = false
  await browser.close()
  agent.destroy()
  await gateway.close()
  await Promise.all([origin.close(), second.close()])
  rmSync(folder, { recursive: true, force: true })
}
