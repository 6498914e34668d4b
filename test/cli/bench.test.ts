import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { benchTable } from '#src/cli/bench-table.js'
import { benchGateway } from '#src/load/index.js'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-bench-test-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function configFile(content: object): string {
  const file = join(folder, 'headgate.json')
  writeFileSync(file, JSON.stringify(content))
  return file
}

const PLAN = {
  mock: { bodyBytes: 2000 },
  requests: [{ path: '/app/x', headers: { 'x-a': '1' } }],
  connections: 8,
  seconds: 0.3,
  rounds: 1,
  ratePerSecond: 100,
}

describe('headgate bench', () => {
  it("runs the user's own config against the mock, beside the mock alone", async () => {
    // The peer of the config does not exist: every answer comes from the mock that takes its place.
    const upstreams = { app: { peers: ['127.0.0.1:9'], health: { path: '/health' } } }
    const config = configFile({
      workers: 1,
      upstreams,
      routes: [{ match: { path: '/app/*' }, upstream: 'app' }],
    })
    const seen: string[] = []
    const result = await benchGateway({ ...PLAN, config }, ({ subject, load }) =>
      seen.push(`${subject} ${load}`),
    )
    expect(seen).toEqual(['direct highest', 'gateway highest', 'direct rate', 'gateway rate'])
    expect(result.workers).toBe(1)
    for (const { report, cpuUs } of result.rounds) {
      expect(report.answered).toBe(report.requests)
      expect(report.bodyBytes).toBe(report.sent * 2000)
      expect(cpuUs).toBeGreaterThanOrEqual(0)
    }
    expect(result.rounds[3]?.report.requests).toBeGreaterThan(10)
    expect(benchTable(result)).toMatch(/^1 worker, acceptor (uws|node)/)
  })

  it('a config that answers nothing as expected is told, and not measured', async () => {
    const upstreams = { app: { peers: ['127.0.0.1:9'] } }
    const config = configFile({ upstreams, routes: [{ match: { path: '/other' }, upstream: 'app' }] })
    await expect(benchGateway({ ...PLAN, config }, () => undefined)).rejects.toThrow(/status/)
  })

  it('a config that is wrong is told in its own words', async () => {
    const config = configFile({ upstreams: { app: { peers: [] } } })
    await expect(benchGateway({ ...PLAN, config }, () => undefined)).rejects.toThrow(/peers/)
  })
})
