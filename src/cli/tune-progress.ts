import { type Progress, Remaining, shortDuration } from '../tune/index.js'

const BAR = 20
const REDRAW_MS = 500

/** Where it is written to: standard error, or a stand-in in tests. */
export type ProgressOutput = Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>

/** One line on a terminal that is drawn over and counts down; elsewhere a line for each measurement. */
export class TuneProgress {
  readonly #output: ProgressOutput
  readonly #remaining: Remaining
  readonly #now: () => number
  #last: Progress | null = null
  #timer: NodeJS.Timeout | null = null
  #drawn = false

  /** @param expectedMs of one measurement. */
  constructor(output: ProgressOutput, expectedMs: number, now: () => number = () => performance.now()) {
    this.#output = output
    this.#now = now
    this.#remaining = new Remaining(expectedMs, now())
  }

  /** Something before the first measurement. */
  note(step: string): void {
    if (this.#output.isTTY) this.#draw(step)
  }

  show(progress: Progress): void {
    const isNew = this.#last?.done !== progress.done || this.#last.workers !== progress.workers
    this.#last = progress
    if (!this.#output.isTTY) {
      if (isNew) this.#output.write(`${this.#line(progress)}\n`)
      return
    }
    this.#timer ??= setInterval(() => this.#redraw(), REDRAW_MS).unref()
    this.#redraw()
  }

  /** Leaves the line empty, for what is written next. */
  clear(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    if (this.#drawn) this.#output.write('\r\x1b[K')
    this.#drawn = false
  }

  #redraw(): void {
    if (this.#last !== null) this.#draw(this.#line(this.#last))
  }

  #line({ done, total, workers, round, step }: Progress): string {
    const leftMs = this.#remaining.estimateMs(done, total, this.#now())
    const filled = Math.round((done / total) * BAR)
    const bar = '█'.repeat(filled) + '░'.repeat(BAR - filled)
    const count = workers === 1 ? '1 worker' : `${workers} workers`
    return `${bar} ${done}/${total}, about ${shortDuration(leftMs)} left: ${count}, round ${round}: ${step}`
  }

  #draw(text: string): void {
    // A line that wraps could not be drawn over.
    this.#output.write(`\r\x1b[K${text.slice(0, Math.max(20, (this.#output.columns ?? 80) - 1))}`)
    this.#drawn = true
  }
}
