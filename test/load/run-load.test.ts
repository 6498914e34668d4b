import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { type LoadPlan, type LoadReport, processUsage, runLoad, startMockOrigin } from '#src/load/index.js'
import { HttpOrigin } from '../support/http-origin.js'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const CLOSED: Omit<LoadPlan, 'url'> = {
  requests: [{ path: '/' }],
  loop: { kind: 'closed' },
  connections: 4,
  durationMs: 300,
}

function failures({ errors }: LoadReport): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0)
}

async function httpOrigin(handler: Parameters<typeof HttpOrigin.start>[0]): Promise<HttpOrigin> {
  const origin = await HttpOrigin.start(handler)
  closers.push(() => origin.close())
  return origin
}

describe('the generator and the mock origin', () => {
  it('count the same requests and bytes, and every body is the right one', async () => {
    const origin = await startMockOrigin({ bodyBytes: 70_000 })
    closers.push(() => origin.stop())
    const report = await runLoad({
      ...CLOSED,
      url: origin.url,
      requests: [{ path: '/' }, { method: 'POST', path: '/up', body: 'x'.repeat(1000) }],
      verifyEvery: 1,
      expect: { status: 200, bodySha256: origin.bodySha256 },
    })
    const counters = await origin.counters()
    expect(failures(report)).toBe(0)
    expect(report.answered).toBeGreaterThan(10)
    expect(report.verified).toBe(report.sent)
    expect(report.sent).toBe(counters.requests)
    expect(report.bodyBytes).toBe(report.sent * 70_000)
    expect(counters.requestBodyBytes).toBe(Math.floor(report.sent / 2) * 1000)
    expect(counters.connections).toBe(4)
    expect(report.response.count).toBe(report.requests)
  })

  it('an open loop asks for what its rate says', async () => {
    const origin = await startMockOrigin({ delayMs: 20 })
    closers.push(() => origin.stop())
    const loop = { kind: 'open', ratePerSecond: 400 } as const
    const report = await runLoad({
      ...CLOSED,
      url: origin.url,
      loop,
      connections: 32,
      durationMs: 500,
      warmUpMs: 100,
    })
    expect(report.requests).toBe(200)
    expect(report.sent).toBe(240)
    expect(report.response.p50Us).toBeGreaterThan(19_000)
  })

  it('of wrong answers each kind is counted', async () => {
    const origin = await httpOrigin((request, response) => {
      if (request.url === '/status') response.writeHead(503).end()
      else if (request.url === '/gone') request.socket.destroy()
      else if (request.url === '/nonsense') request.socket.end('SMTP ready\r\n\r\n')
      else if (request.url === '/body') response.end('another')
    })
    const ask = (path: string): Promise<LoadReport> =>
      runLoad({
        ...CLOSED,
        url: `http://${origin.address}`,
        requests: [{ path }],
        durationMs: 100,
        ...(path === '/silent' && { timeoutMs: 100 }),
        verifyEvery: 1,
        expect: { bodySha256: createHash('sha256').update('right').digest('hex') },
      })
    const [status, gone, nonsense, body, silent] = await Promise.all(
      ['/status', '/gone', '/nonsense', '/body', '/silent'].map(ask),
    )
    expect(status?.errors.status).toBeGreaterThan(0)
    expect(gone?.errors.closed).toBeGreaterThan(0)
    expect(nonsense?.errors.protocol).toBeGreaterThan(0)
    expect(body?.errors.body).toBeGreaterThan(0)
    expect(silent?.errors.timeout).toBeGreaterThan(0)
    for (const report of [status, gone, nonsense, body, silent]) expect(report?.answered).toBe(0)
  })

  it('where nobody listens the run fails instead of reporting', async () => {
    const origin = await httpOrigin(() => undefined)
    const url = `http://${origin.address}`
    await origin.close()
    closers.length = 0
    await expect(runLoad({ ...CLOSED, url })).rejects.toThrow('ECONNREFUSED')
  })

  it('a rate that is none is refused', async () => {
    const loop = { kind: 'open', ratePerSecond: Number.NaN } as const
    await expect(runLoad({ ...CLOSED, url: 'http://127.0.0.1:1', loop })).rejects.toThrow('rate')
  })

  it('the CPU of a process that works shows in its account, and so do its switches', async () => {
    const origin = await startMockOrigin({})
    closers.push(() => origin.stop())
    const before = processUsage(origin.pid)
    await runLoad({ ...CLOSED, url: origin.url })
    const after = processUsage(origin.pid)
    expect(before.pids).toEqual([origin.pid])
    expect(after.cpuUs).toBeGreaterThan(before.cpuUs)
    expect(after.residentBytes).toBeGreaterThan(10_000_000)
    const switches = (usage: typeof before): number => usage.voluntarySwitches + usage.involuntarySwitches
    expect(switches(after)).toBeGreaterThan(switches(before))
  })
})
