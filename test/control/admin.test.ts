import { request } from 'node:http'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ControlTask } from '#src/control/control-task.js'
import { type Control, startControl } from '#src/control/start-control.js'
import { HistogramStore } from '#src/histograms/index.js'
import { SharedCounters, WorkerBoard } from '#src/memory/index.js'
import { counterRows, GATEWAY_COUNTERS } from '#src/session/counters.js'
import { Telemetry } from '#src/telemetry/index.js'

const logger = pino({ level: 'silent' })
const board = new WorkerBoard(2)
const counters = new SharedCounters(GATEWAY_COUNTERS, counterRows(2))
const histograms = new HistogramStore(3, 2)
const telemetry = new Telemetry({ workers: 2, routes: 1 })
const draining = new SharedArrayBuffer(4)
const task: ControlTask = {
  host: '127.0.0.1',
  port: 0,
  workers: 2,
  board: board.buffer,
  counters: counters.buffer,
  histograms: histograms.buffer,
  telemetry: telemetry.buffers,
  access: { hosts: [], token: null },
  config: {},
  logLevel: 'info',
  routes: ['/*'],
  draining,
  version: '1.2.3',
}

interface Answer {
  readonly status: number
  readonly body: string
}

function ask(control: Control, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: control.host, port: control.port, path }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe('admin listener', () => {
  let control: Control
  beforeEach(async () => {
    control = await startControl(task, logger)
  })
  afterEach(() => control.close())

  it('C4 /ready tells the truth about workers and draining', async () => {
    board.setState(0, 'starting')
    board.setState(1, 'lost')
    expect(await ask(control, '/ready')).toEqual({
      status: 503,
      body: '{"ready":false,"reasons":["no worker is ready"]}\n',
    })
    board.setState(1, 'ready')
    expect((await ask(control, '/ready')).status).toBe(200)
    Atomics.store(new Int32Array(draining), 0, 1)
    expect(await ask(control, '/ready')).toEqual({
      status: 503,
      body: '{"ready":false,"reasons":["draining"]}\n',
    })
    Atomics.store(new Int32Array(draining), 0, 0)
    expect((await ask(control, '/live')).status).toBe(200)
  })

  it('says clearly that no route has a cache', async () => {
    const answer = await ask(control, '/cache')
    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      404,
      { error: 'no route has a cache: there is nothing to see or to purge' },
    ])
  })

  it('/metrics and /stats.json add up what all threads counted', async () => {
    counters.row(0).add('requests', 3)
    counters.row(2).add('requests', 4)
    histograms.recorder(1).record(0, 'total', 12)
    const { body } = await ask(control, '/metrics')
    expect(body).toContain('headgate_sessions_total 7\n')
    expect(body).toContain('headgate_build_info{version="1.2.3"} 1\n')
    const stats = JSON.parse((await ask(control, '/stats.json')).body)
    expect(stats.counters.requests).toBe(7)
    expect(stats.latency.total.count).toBe(1)
    expect((await ask(control, '/histogram.hlog')).body).toContain('Tag=/*:total,')
  })

  it('a port that is taken is an error with code and port, not a dead thread', async () => {
    await expect(startControl({ ...task, port: control.port }, logger)).rejects.toMatchObject({
      code: 'EADDRINUSE',
      port: control.port,
    })
  })

  it('a control thread that dies is told of, so that workers resolve names themselves; one that is closed is not', async () => {
    const lost: string[] = []
    const other = await startControl(task, logger, () => lost.push('closed'))
    await other.close()
    const told = new Promise<void>((resolve) => {
      // It cannot read this as counters.
      const broken = { ...task, counters: new SharedArrayBuffer(1) }
      startControl(broken, logger, resolve).catch(() => lost.push('failed'))
    })
    await told
    expect(lost).toEqual(['failed'])
  })
})
