import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { checkBacklog, checkCgroup, checkFiles, checkMigration, checkNode } from '#src/cli/doctor-checks.js'

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
  [checkCgroup('max\n', 0), 'ok', 'no limit'],
  [checkCgroup('1073741824\n', 0), 'warn', 'set overload.memory to 870MiB'],
  [checkCgroup('1073741824\n', 512 * 1024 ** 2), 'ok', '512MiB of 1024MiB'],
])('finds %o', ({ result, message }, expected, text) => {
  expect(result).toBe(expected)
  expect(message).toContain(text)
})

it('doctor reports on this machine, and sees a port that is taken', { timeout: 30_000 }, async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  try {
    const output = await new Promise<string>((resolve) => {
      execFile(process.execPath, [CLI, 'doctor', '--json'], { cwd: '/' }, (_, stdout) => resolve(stdout))
    })
    const findings = JSON.parse(output) as { check: string; result: string }[]
    const checks = [
      'node',
      'acceptor',
      'open files',
      'memory',
      'listen',
      'admin',
      'somaxconn',
      'tcp_migrate_req',
    ]
    expect(findings.map(({ check }) => check)).toEqual(checks)
  } finally {
    taken.close()
  }
})
