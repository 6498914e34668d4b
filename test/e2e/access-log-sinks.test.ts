import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'

const folder = mkdtempSync(join(tmpdir(), 'headgate-sinks-'))
let origin: HttpOrigin

beforeAll(async () => {
  origin = await HttpOrigin.start((_, response) => void response.end('ok'))
})
afterAll(async () => {
  await origin.close()
  rmSync(folder, { recursive: true, force: true })
})

if (process.platform !== 'linux')
  console.warn('SKIPPED: C12 a log that takes nothing, which needs /dev/full; on Windows also SIGUSR2')

it.skipIf(process.platform === 'win32')(
  'SIGUSR2 to a gateway whose log was moved away begins a new file',
  async () => {
    const file = join(folder, 'access.log')
    const gateway = await GatewayProcess.start({
      upstreams: { app: { peers: [origin.address] } },
      accessLog: { file },
    })
    const has = (name: string, path: string): Promise<void> =>
      eventually(
        `${path} stands in ${name}`,
        () => existsSync(name) && readFileSync(name, 'utf8').includes(path),
      )
    try {
      await fetchAnswer(gateway.port, '/before')
      await has(file, '/before')
      renameSync(file, `${file}.1`)
      gateway.signal('SIGUSR2')
      await eventually('there is a new one', () => existsSync(file))
      await fetchAnswer(gateway.port, '/behind')
      await has(file, '/behind')
      expect(readFileSync(`${file}.1`, 'utf8')).not.toContain('/behind')
      expect(readFileSync(file, 'utf8')).not.toContain('/before')
    } finally {
      await gateway.close()
    }
  },
)

describe.skipIf(process.platform !== 'linux')('C12 a log that takes nothing', () => {
  it('a full disk: lines are dropped and counted, requests are served', async () => {
    const gateway = await InProcessGateway.start({
      workers: 1,
      upstreams: { app: { peers: [origin.address] } },
      accessLog: { file: '/dev/full' },
    })
    try {
      for (let i = 0; i < 20; i += 1) expect((await fetchAnswer(gateway.port, '/full')).status).toBe(200)
      await eventually('all are counted', () => gateway.gateway.stats().counters.access_log_dropped === 20)
    } finally {
      await gateway.close()
    }
  })

  it('a pipe that nobody reads: lines are dropped and counted, requests are served, and the gateway ends', async () => {
    const file = join(folder, 'pipe')
    execFileSync('mkfifo', [file])
    const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const gateway = await InProcessGateway.start({
      workers: 1,
      upstreams: { app: { peers: [origin.address] } },
      routes: [{ match: { path: '/*' }, respond: { status: 204 } }],
      accessLog: { file },
    })
    try {
      const long = 'x'.repeat(7000)
      const dropped = (): number => gateway.gateway.stats().counters.access_log_dropped
      for (let round = 0; round < 40 && dropped() === 0; round += 1) {
        const answers = await Promise.all(
          Array.from({ length: 100 }, () => fetchAnswer(gateway.port, `/${long}`)),
        )
        expect(answers.every(({ status }) => status === 204)).toBe(true)
      }
      await eventually('lines are dropped', () => dropped() > 0)
      expect((await fetchAnswer(gateway.port, '/short')).status).toBe(204)
    } finally {
      await gateway.close()
      closeSync(reader)
    }
  }, 30_000)
})
