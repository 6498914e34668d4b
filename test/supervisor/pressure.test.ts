import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { GatewayConfig } from '#src/config/types.js'
import { LifecycleBoard } from '#src/memory/index.js'
import { Pressure } from '#src/supervisor/pressure.js'

const MIB = 1024 * 1024
const silent = { warn: () => undefined, info: () => undefined }

let rssMiB: number
let replaced: number
let levels: number[]
let pressure: Pressure

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  vi.spyOn(process.memoryUsage, 'rss').mockImplementation(() => rssMiB * MIB)
  rssMiB = 100
  replaced = 0
  levels = []
  pressure = new Pressure({
    config: () => ({ overload: { memoryBytes: 100 * 5 * MIB, lagMs: 0 } }) as unknown as GatewayConfig,
    lifecycle: new LifecycleBoard(),
    logger: silent as never,
    onChange: (level) => void levels.push(level),
    onMemory: () => {
      replaced += 1
    },
  })
})
afterEach(() => {
  pressure.stop()
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('C3 memory of the process', () => {
  it('at its limit the largest worker is replaced, and not again while the next one comes up', () => {
    rssMiB = 500
    vi.advanceTimersByTime(9_000)
    expect([levels, replaced]).toEqual([[3], 1])
    vi.advanceTimersByTime(3_000)
    expect(replaced).toBe(2)
    rssMiB = 200
    vi.advanceTimersByTime(20_000)
    expect([levels, replaced]).toEqual([[3, 0], 2])
  })

  it('just below it, where nothing is served that could fill or free it, a worker is replaced after 5 s', () => {
    rssMiB = 480
    vi.advanceTimersByTime(4_900)
    expect([levels, replaced]).toEqual([[2], 0])
    vi.advanceTimersByTime(1_000)
    expect(replaced).toBe(1)
  })

  it('that comes and goes does not count as used up', () => {
    for (let i = 0; i < 20; i += 1) {
      rssMiB = i % 2 === 0 ? 480 : 450
      vi.advanceTimersByTime(3_000)
    }
    expect(replaced).toBe(0)
  })
})

describe('the event loop that accepts', () => {
  it('is watched where a limit is set, by whatever configuration comes: it sheds while it is held up, and no longer', async () => {
    vi.useRealTimers()
    let lagMs = 0
    let heard: (level: number) => void = () => undefined
    const told = (): Promise<number> => new Promise((resolve) => (heard = resolve))
    const watching = new Pressure({
      config: () => ({ overload: { memoryBytes: 0, lagMs } }) as unknown as GatewayConfig,
      lifecycle: new LifecycleBoard(),
      logger: silent as never,
      onChange: (level) => heard(level),
      onMemory: () => undefined,
    })
    const holdUp = setInterval(() => {
      const endMs = performance.now() + 40
      while (performance.now() < endMs);
    }, 20)
    try {
      lagMs = 2
      expect(await told()).toBeGreaterThan(0)
      lagMs = 0
      expect(await told()).toBe(0)
    } finally {
      clearInterval(holdUp)
      watching.stop()
    }
  })
})
