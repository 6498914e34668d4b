import { setImmediate as turn } from 'node:timers/promises'

/** Longest wait for a quiet moment; under a flood there may be none. */
const PATIENCE_MS = 1000
/** Turns of the loop without a new connection that make a moment quiet. */
const QUIET_TURNS = 2
/** Nobody comes at all. */
const IDLE_MS = 20

/** Counts connections as they are accepted. */
export class Accepts {
  count = 0

  /**
   * Resolves right behind a turn of the event loop in which the queue of the listening socket was read empty: when connections keep coming, just
   * after one has been accepted, else after a while without any.
   */
  async untilQuiet(): Promise<void> {
    const startMs = performance.now()
    let { count } = this
    let turns = 0
    while (performance.now() - startMs < PATIENCE_MS) {
      await turn()
      turns = this.count === count ? turns + 1 : 0
      if (turns >= QUIET_TURNS && performance.now() - startMs > IDLE_MS) return
      count = this.count
    }
  }
}
