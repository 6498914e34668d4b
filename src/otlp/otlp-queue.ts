/** As of an exporter of OpenTelemetry. */
export interface ExportResult {
  /** 0: it went well. */
  readonly code: number
  readonly error?: Error
}

/** What waits at most; more is dropped and counted. */
const MAX_WAITING = 4096
const BATCH = 512
const DELAY_MS = 5_000

/** Gathers what is to be exported: a batch leaves when it is full, or 5 s after its first; one is under way at a time. */
export class OtlpQueue<T> {
  readonly #send: (batch: T[], done: (result: ExportResult) => void) => void
  readonly #onProblem: (message: string, lost: number) => void
  #waiting: T[] = []
  #timer: NodeJS.Timeout | null = null
  #underWay: Promise<void> | null = null
  #dropped = 0

  constructor(
    send: (batch: T[], done: (result: ExportResult) => void) => void,
    onProblem: (message: string, lost: number) => void,
  ) {
    this.#send = send
    this.#onProblem = onProblem
  }

  add(item: T): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#dropped += 1
      return
    }
    this.#waiting.push(item)
    if (this.#waiting.length >= BATCH) this.#flush()
    else if (this.#timer === null) {
      this.#timer = setTimeout(() => this.#flush(), DELAY_MS)
      this.#timer.unref()
    }
  }

  /** Sends what is left, once. */
  async close(): Promise<void> {
    await this.#underWay
    this.#flush()
    await this.#underWay
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#underWay !== null || this.#waiting.length === 0) return
    const batch = this.#waiting
    this.#waiting = []
    this.#underWay = new Promise<void>((resolve) => {
      this.#send(batch, ({ code, error }) => {
        this.#underWay = null
        const lost = this.#dropped + (code === 0 ? 0 : batch.length)
        this.#dropped = 0
        if (lost > 0) this.#onProblem(error?.message ?? 'spans came faster than they left', lost)
        resolve()
        if (this.#waiting.length >= BATCH) this.#flush()
        else if (this.#waiting.length > 0 && this.#timer === null) {
          this.#timer = setTimeout(() => this.#flush(), DELAY_MS)
          this.#timer.unref()
        }
      })
    })
  }
}
