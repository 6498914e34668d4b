import { expect, it } from 'vitest'
import { runTwoThreads } from '../mailbox/support/two-threads.js'

const FRAMES = Number(process.env['SOAK_FRAMES'] ?? 10_000_000)

it.each([
  { name: 'the rings of a worker', capacitiesBytes: [1 << 20, 1 << 21], startAt: [0, 0] },
  { name: 'small rings', capacitiesBytes: [4096, 16_384], startAt: [2 ** 32 - 1_000_000, 0] },
] as const)(
  'ten million frames go each way between two threads: $name',
  async ({ name, capacitiesBytes, startAt }) => {
    const timeoutMs = 580_000
    const { reports, framesPerSecond } = await runTwoThreads({
      frames: FRAMES,
      capacitiesBytes,
      startAt,
      timeoutMs,
    })
    const [a, b] = reports
    expect([a.disorder, b.disorder]).toEqual([-1, -1])
    expect(a.received).toEqual(b.sent)
    expect(b.received).toEqual(a.sent)
    expect([a.received.count, b.received.count]).toEqual([FRAMES, FRAMES])
    const perBell = (sent: number, bells: number): number => Math.round(sent / Math.max(1, bells))
    process.stdout.write(
      `${name}: ${framesPerSecond} frames/s both ways together, ${perBell(a.sent.count, a.bellsRung)} and ` +
        `${perBell(b.sent.count, b.bellsRung)} frames per bell, ${a.fulls} and ${b.fulls} times full\n`,
    )
  },
)
