import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { impressionsOf } from '../support/ad-server.js'
import { eventually } from '../support/eventually.js'
import { LogLines } from '../support/log-lines.js'

const EXAMPLE = new URL('../../examples/ad-gateway/', import.meta.url)
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const hasBrowser = existsSync(CHROMIUM)
if (!hasBrowser)
  process.stderr.write(`\nTHE PAGE OF THE EXAMPLE IS NOT TESTED: no Chromium at ${CHROMIUM}\n\n`)
const folder = mkdtempSync(join(tmpdir(), 'headgate-ad-gateway-'))
const children: ChildProcess[] = []
let base = ''

beforeAll(async () => {
  const log = new LogLines()
  // The command of its README.
  const demo = spawn(process.execPath, [fileURLToPath(new URL('start.mjs', EXAMPLE))], {
    env: {
      ...process.env,
      PORT: '0',
      LISTEN: '127.0.0.1:0',
      ADMIN: 'off',
      STATE: join(folder, 'state'),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(demo)
  demo.stdout.setEncoding('utf8').on('data', (text: string) => log.write(text))
  const [started] = await log.until((it) => it['start'] !== undefined, 1, 25_000)
  base = ((started?.['start'] ?? { listen: '' }) as { listen: string }).listen
})

afterAll(async () => {
  for (const child of children) {
    if (child.exitCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
  }
  rmSync(folder, { recursive: true, force: true })
})

describe('examples/ad-gateway', () => {
  it('serves the page of the demo', async () => {
    expect(await (await fetch(base)).text()).toContain('<title>Ad gateway</title>')
  })

  it('serves ads with impressions of all three in it, and no third one within a minute', async () => {
    const results: (string | null)[] = []
    for (let i = 0; i < 3; i += 1) {
      const response = await fetch(new URL('/ads/vast?placement_id=preroll', base), {
        headers: { cookie: 'user_id=u1' },
      })
      results.push(response.headers.get('x-ad-result'))
      const impressions = impressionsOf(await response.text())
      if (i < 2) expect(impressions).toHaveLength(3)
      for (const url of impressions) expect((await fetch(url)).status).toBeLessThan(300)
    }
    expect(results).toEqual(['fill', 'fill', 'frequency-cap'])
    const empty = await fetch(new URL('/ads/vast?placement_id=empty', base))
    expect(empty.headers.get('x-ad-result')).toBe('no-ad')
  })

  it('has no file that is not there: the clip of the ad is served', async () => {
    const response = await fetch(new URL('/ads/vast', base), { headers: { cookie: 'user_id=u2' } })
    const url = /<MediaFile[^>]*><!\[CDATA\[(.*?)\]\]>/.exec(await response.text())?.[1] ?? ''
    const clip = await fetch(url)
    expect([clip.status, clip.headers.get('content-type')]).toEqual([200, 'video/webm'])
    expect((await clip.arrayBuffer()).byteLength).toBeGreaterThan(1000)
  })

  it.skipIf(!hasBrowser)(
    'plays an ad at a click and reports its impressions; the third within a minute is refused',
    async () => {
      const browser = await chromium.launch({
        executablePath: CHROMIUM,
        args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      })
      try {
        const page = await browser.newPage()
        const seen: string[] = []
        const bad: string[] = []
        page.on('response', (response) => {
          seen.push(response.url())
          if (response.status() >= 400 && !response.url().endsWith('/favicon.ico')) bad.push(response.url())
        })
        page.on('pageerror', (error) => bad.push(String(error)))
        await page.goto(base)
        const lines = async (): Promise<string[]> =>
          ((await page.locator('#log').textContent()) ?? '').split('\n').filter((line) => line !== '')
        for (let click = 1; click <= 3; click += 1) {
          await page.locator('#ask').click()
          await eventually('the answer', async () => (await lines()).length === click)
          if (click < 3)
            await eventually(
              'the report',
              () => seen.filter((url) => url.includes('/ads/event?t=')).length === click,
            )
        }
        expect(await lines()).toEqual([
          'frequency-cap: 0 impressions to report',
          'fill: 3 impressions to report',
          'fill: 3 impressions to report',
        ])
        expect(seen.filter((url) => url.endsWith('/summer.webm')).length).toBeGreaterThanOrEqual(1)
        expect(bad).toEqual([])
      } finally {
        await browser.close()
      }
    },
  )
})
