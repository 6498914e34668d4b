import { setImmediate as turn } from 'node:timers/promises'

/** Longest a turn of the loop may have taken for its moment to be good, ms, by the time that was spent waiting for one. */
const GOOD_TURNS = [
  { untilMs: 500, turnMs: 0.05 },
  { untilMs: 1000, turnMs: 0.3 },
  { untilMs: 1500, turnMs: 2 },
] as const

/** Counts connections as they are accepted. */
export class Accepts {
  count = 0

  /**
   * Resolves right behind a turn of the event loop in which nobody was waiting to be accepted and which took next to no time, so that hardly
   * anybody can have come since. Under a flood there is no such turn: then after 1.5 s.
   */
  async untilQuiet(): Promise<void> {
    const startMs = performance.now()
    let beforeMs = startMs
    for (;;) {
      const { count } = this
      await turn()
      const nowMs = performance.now()
      const limit = GOOD_TURNS.find(({ untilMs }) => nowMs - startMs < untilMs)
      if (limit === undefined || (count === this.count && nowMs - beforeMs < limit.turnMs)) return
      beforeMs = nowMs
    }
  }
}
