export const CALENDAR_UNITS = ['minute', 'hour', 'day', 'week', 'month'] as const

/** Weeks begin on Monday (ISO 8601). */
export type CalendarUnit = (typeof CALENDAR_UNITS)[number]

export interface Bucket {
  readonly startMs: number
  /** The first millisecond that is not in it. */
  readonly endMs: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** 1970-01-05 was a Monday. */
const FIRST_MONDAY_MS = 4 * DAY_MS

/** The bucket of the calendar in which a moment lies, in a time zone with its summer times. Remembers the last one. */
export class Calendar {
  readonly #unit: CalendarUnit
  readonly #offsetAt: (ms: number) => number
  #last: Bucket = { startMs: 0, endMs: 0 }

  /** @throws RangeError for an unknown time zone */
  constructor(unit: CalendarUnit, timeZone = 'UTC') {
    this.#unit = unit
    this.#offsetAt = timeZone === 'UTC' ? () => 0 : offsets(timeZone)
  }

  bucketAt(nowMs: number): Bucket {
    if (nowMs >= this.#last.startMs && nowMs < this.#last.endMs) return this.#last
    const localMs = nowMs + this.#offsetAt(nowMs)
    const start = floorTo(this.#unit, localMs)
    this.#last = { startMs: this.#toUtc(start), endMs: this.#toUtc(next(this.#unit, start)) }
    return this.#last
  }

  /** When the zone's clocks show that. At a change of clocks the offset before may differ from the one after. */
  #toUtc(localMs: number): number {
    const guess = localMs - this.#offsetAt(localMs)
    return localMs - this.#offsetAt(guess)
  }
}

function floorTo(unit: CalendarUnit, localMs: number): number {
  switch (unit) {
    case 'minute':
      return localMs - modulo(localMs, MINUTE_MS)
    case 'hour':
      return localMs - modulo(localMs, HOUR_MS)
    case 'day':
      return localMs - modulo(localMs, DAY_MS)
    case 'week':
      return localMs - modulo(localMs - FIRST_MONDAY_MS, 7 * DAY_MS)
    case 'month': {
      const date = new Date(localMs)
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
    }
  }
}

function next(unit: CalendarUnit, startMs: number): number {
  switch (unit) {
    case 'minute':
      return startMs + MINUTE_MS
    case 'hour':
      return startMs + HOUR_MS
    case 'day':
      return startMs + DAY_MS
    case 'week':
      return startMs + 7 * DAY_MS
    case 'month': {
      const date = new Date(startMs)
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
    }
  }
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by
}

/** Milliseconds by which a zone's clocks are ahead of UTC. */
function offsets(timeZone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  return (ms) => {
    const part: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(ms)) part[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000
  }
}
