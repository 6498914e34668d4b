import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { impressionsOf } from '../support/ad-server.js'
import { LogLines } from '../support/log-lines.js'

const EXAMPLE = new URL('../../examples/ad-gateway/', import.meta.url)
const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'headgate-ad-gateway-'))
const children: ChildProcess[] = []
let base = ''

function start(args: readonly string[], env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}

beforeAll(async () => {
  const adServer = start([fileURLToPath(new URL('ad-server.mjs', EXAMPLE))], { PORT: '0' })
  const [line] = (await once(adServer.stdout ?? adServer, 'data')) as [Buffer]
  const address = /127\.0\.0\.1:\d+/.exec(String(line))?.[0] ?? ''
  const log = new LogLines()
  const gateway = start([CLI, 'run', '--config', fileURLToPath(new URL('headgate.yaml', EXAMPLE))], {
    LISTEN: '127.0.0.1:0',
    ADMIN: 'off',
    AD_SERVER: address,
    STATE: join(folder, 'state'),
  })
  gateway.stdout?.setEncoding('utf8').on('data', (text: string) => log.write(text))
  const [started] = await log.until((it) => it['start'] !== undefined, 1, 25_000)
  base = ((started?.['start'] ?? { listen: '' }) as { listen: string }).listen
})

afterAll(async () => {
  for (const child of children) {
    if (child.exitCode === null) {
      child.kill('SIGKILL')
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
})
