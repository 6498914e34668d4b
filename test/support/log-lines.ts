/** One line of the gateway's JSON log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly level?: string; readonly msg?: string }

/** Collects JSON log lines, from a stream or as pino's destination, and lets tests wait for one. */
export class LogLines {
  readonly lines: LogLine[] = []
  /** What was written and is not a JSON line. */
  readonly other: string[] = []
  readonly #waiters = new Set<() => void>()
  #rest = ''

  /** Takes text that may end within a line. */
  write(text: string): void {
    const parts = (this.#rest + text).split('\n')
    this.#rest = parts.pop() ?? ''
    for (const part of parts) this.#take(part)
    for (const waiter of [...this.#waiters]) waiter()
  }

  /** Lines for which `test` holds. */
  having(test: (line: LogLine) => boolean): LogLine[] {
    return this.lines.filter(test)
  }

  /** Lines whose message contains this. */
  saying(text: string): LogLine[] {
    return this.having((line) => line.msg?.includes(text) === true)
  }

  /** Waits until there are `count` lines for which `test` holds. @throws Error with all lines when the time is up */
  async until(test: (line: LogLine) => boolean, count = 1, timeoutMs = 30_000): Promise<LogLine[]> {
    const found = (): LogLine[] | null => {
      const lines = this.having(test)
      return lines.length >= count ? lines : null
    }
    const now = found()
    if (now !== null) return now
    return await new Promise<LogLine[]>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter)
        const tail = this.lines.slice(-20).map((line) => JSON.stringify(line))
        reject(
          new Error(`no such log line among ${this.lines.length}:\n${[...tail, ...this.other].join('\n')}`),
        )
      }, timeoutMs)
      const waiter = (): void => {
        const lines = found()
        if (lines === null) return
        clearTimeout(timer)
        this.#waiters.delete(waiter)
        resolve(lines)
      }
      this.#waiters.add(waiter)
    })
  }

  #take(part: string): void {
    if (part === '') return
    try {
      this.lines.push(JSON.parse(part) as LogLine)
    } catch {
      this.other.push(part)
    }
  }
}
