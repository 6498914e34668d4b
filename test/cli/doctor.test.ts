import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import {
  checkBacklog,
  checkCgroup,
  checkCpu,
  checkFiles,
  checkMigration,
  checkNode,
} from '#src/cli/doctor-checks.js'

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const LIMITS =
  'Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n'

it.each([
  [checkNode('18.20.0', 0), 'bad', 'too old'],
  [checkNode('20.18.0', Date.parse('2025-01-01')), 'ok', '2026-04-30'],
  [checkNode('20.18.0', Date.parse('2026-04-01')), 'warn', 'maintained until'],
  [checkNode('20.18.0', Date.parse('2026-05-02')), 'warn', 'no fixes since 2026-04-30'],
  [checkNode('30.0.0', 0), 'ok', 'Node 30.0.0'],
  [checkFiles(LIMITS, 10_000), 'warn', 'may take 20256'],
  [checkFiles(LIMITS, 100), 'ok', 'limit 1024'],
  [checkFiles(LIMITS.replace('1024', 'unlimited'), 10_000), 'ok', 'unlimited'],
  [checkFiles(null, 1), 'ok', 'does not tell'],
  [checkBacklog('128\n'), 'warn', 'net.core.somaxconn'],
  [checkBacklog('4096\n'), 'ok', '4096'],
  [checkMigration('0\n'), 'warn', 'tcp_migrate_req=1'],
  [checkMigration('1\n'), 'ok', 'on'],
  [checkCgroup(null, 0), 'ok', 'no limit'],
  [checkCgroup(1024 ** 3, 0), 'warn', 'set overload.memory to 870MiB'],
  [checkCgroup(1024 ** 3, 512 * 1024 ** 2), 'ok', '512MiB of 1024MiB'],
  [checkCpu(null, 8, 8), 'ok', '8 cores, no quota'],
  [checkCpu(2.5, 8, 2), 'ok', 'a quota of 2.5 of 8 cores'],
  [checkCpu(2.5, 8, 3), 'warn', '3 workers: set workers: auto'],
  [checkCpu(2.5, 8, null), 'ok', 'a quota of 2.5'],
  [checkCpu(0.5, 8, 1), 'warn', 'held back'],
])('finds %o', ({ result, message }, expected, text) => {
  expect(result).toBe(expected)
  expect(message).toContain(text)
})

it('doctor reports on this machine, and sees a port that is taken', { timeout: 30_000 }, async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  const folder = mkdtempSync(join(tmpdir(), 'headgate-doctor-'))
  try {
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    writeFileSync(
      join(folder, 'headgate.yaml'),
      `listen: 127.0.0.1:${port}\nadmin: 127.0.0.1:0\nupstreams: { app: { peers: ['127.0.0.1:9'] } }\n`,
    )
    const output = await new Promise<string>((resolve) => {
      execFile(process.execPath, [CLI, 'doctor', '--json'], { cwd: folder }, (_, stdout) => resolve(stdout))
    })
    const findings = JSON.parse(output) as { check: string; result: string; message: string }[]
    const checks = [
      'node',
      'acceptor',
      'open files',
      'memory',
      'cpu',
      'listen',
      'admin',
      'somaxconn',
      'tcp_migrate_req',
    ]
    expect(findings.map(({ check }) => check)).toEqual(checks)
    expect(findings.find(({ check }) => check === 'listen')).toMatchObject({
      result: 'warn',
      message: `127.0.0.1:${port} is in use, by a gateway that runs or by another process`,
    })
    expect(findings.find(({ check }) => check === 'admin')?.result).toBe('ok')
  } finally {
    taken.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
