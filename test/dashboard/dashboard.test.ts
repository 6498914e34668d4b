import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { SteadyLoad } from '../support/steady-load.js'

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** What the test needs of the page's window. */
interface StyleView {
  getComputedStyle(element: unknown): { readonly backgroundColor: string }
}

const isThere = existsSync(CHROMIUM)
if (!isThere)
  process.stderr.write(
    `\nTHE DASHBOARD IS NOT TESTED: there is no Chromium at ${CHROMIUM} (set CHROMIUM to another one)\n\n`,
  )

describe.skipIf(!isThere)('the dashboard in Chromium', () => {
  let origin: HttpOrigin
  let gateway: InProcessGateway
  let browser: Browser
  let page: Page
  let load: SteadyLoad
  const faults: string[] = []
  const urls: string[] = []

  const adminUrl = (): string => `http://127.0.0.1:${gateway.gateway.admin?.port}`
  const text = async (selector: string): Promise<string> => (await page.locator(selector).textContent()) ?? ''

  const line = async (row: number): Promise<string> =>
    (await page.locator('#curve-rows tr').nth(row).textContent()) ?? ''

  beforeAll(async () => {
    origin = await HttpOrigin.start((request, response) => {
      response.statusCode = request.url === '/bad' ? 503 : 200
      response.end('ok')
    })
    gateway = await InProcessGateway.start({
      admin: '127.0.0.1:0',
      upstreams: { app: { peers: [origin.address] } },
      routes: [
        { match: { path: '/bad' }, upstream: 'app' },
        { match: { path: '/kept' }, upstream: 'app', cache: { ttl: { '200': '1h' } } },
        { upstream: 'app' },
      ],
    })
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    page = await browser.newPage({ colorScheme: 'light' })
    page.on('console', (message) => {
      if (message.type() !== 'log') faults.push(message.text())
    })
    page.on('pageerror', (error) => faults.push(String(error)))
    page.on('request', (request) => urls.push(request.url()))
    load = new SteadyLoad(gateway.port, '/', 2)
    await page.goto(`${adminUrl()}/`)
  })

  afterAll(async () => {
    await load?.stop()
    await browser?.close()
    await gateway?.close()
    await origin?.close()
  })

  it('tells the hit ratio of the cache, and how full it is', async () => {
    await eventually('nothing is stored', async () => (await text('#tile-hits')) === '0 %')
    for (let i = 0; i < 4; i += 1) await fetchAnswer(gateway.port, '/kept')
    await eventually('hits are shown', async () => (await text('#tile-hits')) === '75 %')
    expect(await text('#tile-hits-more')).toMatch(/^\S+ \S+ of \S+ \S+$/)
  })

  it('renders what the gateway does, and moves with it', async () => {
    await eventually('there is load', async () => /^[1-9]/.test(await text('#tile-requests')))
    expect(await text('#status')).toBe('ready')
    expect(await page.locator('.plot canvas').count()).toBe(3)
    expect(await page.locator('#threads li').count()).toBe(3)
    expect(await text('#upstreams')).toContain(origin.address)
    const before = await text('#curve-rows')
    await eventually('the curve moves', async () => (await text('#curve-rows')) !== before)
    const canvas = () =>
      page
        .locator('#traffic canvas')
        .evaluate((element: unknown) => (element as { toDataURL(): string }).toDataURL())
    const drawn = await canvas()
    await eventually('it is drawn anew', async () => (await canvas()) !== drawn)
  })

  it('freezes a baseline with a key and compares with it, also after a reload', async () => {
    await page.keyboard.press('f')
    expect(await page.locator('#curve-rows tr').count()).toBe(2)
    const frozen = await line(1)
    expect(frozen).toContain('baseline')
    const now = await line(0)
    await eventually('the curve moves on', async () => (await line(0)) !== now)
    expect(await line(1)).toBe(frozen)
    expect(await line(0)).toMatch(/[+−]\d+ %/)
    await page.reload()
    await eventually('both are there', async () => (await page.locator('#curve-rows tr').count()) === 2)
    expect(await line(1)).toBe(frozen)
    await page.keyboard.press('c')
    expect(await page.locator('#curve-rows tr').count()).toBe(1)
  })

  it('shows one route when it is chosen without a mouse, and errors with their reason', async () => {
    await fetch(`http://127.0.0.1:${gateway.port}/bad`)
    await page.locator('#routes button').first().focus()
    await page.keyboard.press('Enter')
    await eventually('it is /bad', async () => (await text('#curve-rows')).includes('/bad'))
    expect(await page.locator('#route').inputValue()).toBe('/bad')
    await page.keyboard.press('w')
    await eventually('it is last 60 s', async () => (await text('#curve-rows')).includes('last 60 s'))
    await load.stop()
    await origin.close()
    origin = await HttpOrigin.start((_, response) => void response.end())
    await fetch(`http://127.0.0.1:${gateway.port}/`)
    await eventually('the error is listed', async () =>
      (await text('#errors')).includes('connection_refused'),
    )
  })

  it('fits a phone, is dark where that is wanted, and has a name on every control', async () => {
    await page.keyboard.press('f')
    await page.setViewportSize({ width: 390, height: 800 })
    await eventually('nothing sticks out', async () => {
      const width = await page
        .locator('html')
        .evaluate((root: unknown) => (root as { scrollWidth: number }).scrollWidth)
      return width <= 390
    })
    const background = () =>
      page.locator('body').evaluate((body: unknown) => {
        const { ownerDocument } = body as { ownerDocument: { defaultView: StyleView } }
        return ownerDocument.defaultView.getComputedStyle(body).backgroundColor
      })
    const light = await background()
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await background()).not.toBe(light)
    await page.keyboard.press('t')
    expect(await background()).toBe(light)
    const controls = await page.locator('button, select, input').all()
    expect(controls.length).toBeGreaterThan(5)
    for (const control of controls) {
      const name = await control.evaluate((element: unknown) => {
        const { labels, textContent } = element as { labels: { length: number } | null; textContent: string }
        return textContent + String(labels?.length ?? 0)
      })
      expect(name).not.toBe('0')
    }
  })

  it('loads nothing from elsewhere, allows nothing inline, and has nothing to complain about', async () => {
    const foreign = urls.filter((url) => !url.startsWith(adminUrl()))
    expect(foreign).toEqual([])
    const response = await fetch(`${adminUrl()}/`, { headers: { accept: 'text/html' } })
    const policy = response.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain('unsafe')
    expect(faults).toEqual([])
  })
})
