import { describe, expect, it } from 'vitest'
import { Backoff } from '#src/supervisor/backoff.js'

describe('the back-off of a lost worker', () => {
  function create(): { backoff: Backoff; pass: (ms: number) => void } {
    let nowMs = 0
    return { backoff: new Backoff(() => nowMs), pass: (ms) => (nowMs += ms) }
  }

  it('is nothing the first time, then 100 ms doubling up to 10 s', () => {
    const { backoff } = create()
    const delays = Array.from({ length: 12 }, () => backoff.nextDelayMs())
    expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000])
  })

  it('starts afresh after a worker that lived for more than 10 s', () => {
    const { backoff, pass } = create()
    for (let i = 0; i < 5; i += 1) backoff.nextDelayMs()
    backoff.started()
    pass(10_001)
    expect([backoff.nextDelayMs(), backoff.nextDelayMs()]).toEqual([0, 100])
  })

  it('goes on with a worker that comes up and dies soon', () => {
    const { backoff, pass } = create()
    const delays: number[] = []
    for (let i = 0; i < 5; i += 1) {
      backoff.started()
      pass(9_000)
      delays.push(backoff.nextDelayMs())
    }
    expect(delays).toEqual([0, 100, 200, 400, 800])
  })

  it('grows when a worker that once was healthy cannot be started again, however long that lasts', () => {
    const { backoff, pass } = create()
    backoff.started()
    pass(60_000)
    const delays: number[] = []
    for (let i = 0; i < 6; i += 1) {
      delays.push(backoff.nextDelayMs())
      pass(20_000)
    }
    expect(delays).toEqual([0, 100, 200, 400, 800, 1600])
  })
})
