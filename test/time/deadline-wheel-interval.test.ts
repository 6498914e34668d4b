import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { DeadlineWheel } from '#src/time/index.js'

describe('the real interval', () => {
  it('fires in the order of the delays and not early', async () => {
    const wheel = new DeadlineWheel({ tickMs: 5 })
    const startMs = performance.now()
    const fired: { readonly delayMs: number; readonly afterMs: number }[] = []
    await new Promise<void>((resolve) => {
      // The interval is unreferenced; a test must not end for that.
      const keepAlive = setInterval(() => undefined, 1000)
      for (const delayMs of [60, 10, 30]) {
        wheel.arm(
          wheel.create(() => {
            fired.push({ delayMs, afterMs: performance.now() - startMs })
            if (fired.length < 3) return
            clearInterval(keepAlive)
            resolve()
          }),
          delayMs,
        )
      }
    })
    expect(fired.map(({ delayMs }) => delayMs)).toEqual([10, 30, 60])
    for (const { delayMs, afterMs } of fired) expect(afterMs).toBeGreaterThanOrEqual(delayMs)
    wheel.close()
  })

  it('does not keep a process alive', async () => {
    const code =
      "import { DeadlineWheel } from '#src/time/index.js'; const wheel = new DeadlineWheel();" +
      "wheel.arm(wheel.create(() => console.log('fired')), 3_600_000); console.log('armed')"
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code])
    expect(stdout).toBe('armed\n')
  })
})
