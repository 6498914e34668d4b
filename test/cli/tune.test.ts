import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { folderWith } from '../config/support.js'
import { runCli, runCliProcess } from './support.js'

/** Computes, so that there is something to measure that needs no fast machine. */
const BURN = `export default { name: 'burn', requestFilter() { for (const end = performance.now() + 1; performance.now() < end; ); } }`

const CONFIG = `# ours
workers: auto # until measured
upstreams: { app: { peers: ['127.0.0.1:1'] } }
routes:
  - { match: { path: /burn }, upstream: app, filters: [./burn.js] }
`

it('tune measures a real gateway with its filters, draws, and writes the number that run then takes', {
  timeout: 120_000,
}, async () => {
  const cwd = folderWith({ 'headgate.yaml': CONFIG, 'burn.js': BURN, 'package.json': '{"type":"module"}' })
  const flags = ['--quick', '--connections', '8', '--max-workers', '2', '--upstream', 'mock:1KB']
  const args = ['tune', ...flags, '--json', '--write', '--svg', 'curve.svg']
  const { code, stdout, stderr } = await runCliProcess(args, { cwd })
  expect([code, stderr]).toEqual([0, expect.stringContaining('GET /burn → 200')])
  const report = JSON.parse(stdout)
  expect(report.points.map((point: { workers: number }) => point.workers)).toEqual([1, 2])
  for (const point of report.points) {
    // The filter alone takes a millisecond of a worker's time for each request, and on a crowded machine less of its CPU.
    expect(point).toMatchObject({ errors: 0 })
    expect(point.perSecond).toBeGreaterThan(10)
    expect(point.perSecond).toBeLessThan(1000 * point.workers)
    expect(point.cpuUsPerRequest).toBeGreaterThan(200)
    expect(point.workersBusy).toBeGreaterThan(point.acceptorBusy)
    expect(point.residentBytes).toBeGreaterThan(20 * 2 ** 20)
  }
  const { workers } = report.choice
  expect([1, 2]).toContain(workers)
  const written = readFileSync(join(cwd, 'headgate.yaml'), 'utf8')
  expect(written).toContain(`# ours\nworkers: ${workers} # until measured\ntunedOn: {`)
  expect(parse(written).tunedOn).toMatchObject({ cores: report.machine.affinityCores })
  expect(readFileSync(join(cwd, 'curve.svg'), 'utf8')).toMatch(/^<svg .*measured.*<\/svg>/s)
  // On this machine, no warning.
  expect(await runCli(['check'], { cwd })).toMatchObject({ code: 0, stderr: '' })
})

it('tune says what it cannot do before it measures anything', async () => {
  const none = folderWith({})
  expect((await runCli(['tune'], { cwd: none })).code).toBe(78)
  const usage = await runCli(['tune', '--slo', 'p98<1ms'], { cwd: none })
  expect([usage.code, usage.stderr]).toEqual([2, expect.stringContaining('p99<20ms')])
  expect((await runCli(['tune', '--upstream', 'mock:5parsec'], { cwd: none })).code).toBe(2)
})
