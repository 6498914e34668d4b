import { readLatin1, writeLatin1 } from '../memory/index.js'
import { REASONS, type Reason } from '../session/errors.js'

/** One session that ended with an error, or a request that was refused before there was one. */
export interface RecentError {
  /** Milliseconds since 1970. */
  readonly timeMs: number
  /** Index of the route; -1: none was found. */
  readonly route: number
  /** What the client was answered; 0: nothing. */
  readonly status: number
  readonly reason: Reason
  /** Cut at 64 characters. */
  readonly requestId: string
}

/** Errors that each writer keeps. */
export const KEPT_ERRORS = 32

const ID_BYTES = 64
/** Sequence, time, route, status, reason, length of the id: doubles; then the id. */
const FIELDS = 6
const ENTRY_BYTES = FIELDS * 8 + ID_BYTES
const ROW_BYTES = KEPT_ERRORS * ENTRY_BYTES
const SEQUENCE = 0
const TIME = 1
const ROUTE = 2
const STATUS = 3
const REASON = 4
const ID_LENGTH = 5

/**
 * The last errors of each thread, in shared memory: one ring for each writer, which overwrites its oldest entry. An entry carries the number of its
 * writing; a reader drops one whose number changed while it was read.
 */
export class RecentErrors {
  readonly buffer: SharedArrayBuffer
  readonly writers: number

  constructor(writers: number, buffer?: SharedArrayBuffer) {
    this.writers = writers
    this.buffer = buffer ?? new SharedArrayBuffer(writers * ROW_BYTES)
  }

  /** The writer's end of one row. Only one thread may hold it. */
  row(writer: number): ErrorRow {
    const entries = Array.from({ length: KEPT_ERRORS }, (_, entry) => this.#entry(writer, entry))
    let written = entries.reduce((last, { fields }) => Math.max(last, fields[SEQUENCE] ?? 0), 0)
    return {
      add({ timeMs, route, status, reason, requestId }) {
        const entry = entries[written % KEPT_ERRORS]
        if (entry === undefined) return
        written += 1
        const { fields, id } = entry
        fields[SEQUENCE] = 0
        fields[TIME] = timeMs
        fields[ROUTE] = route
        fields[STATUS] = status
        fields[REASON] = REASONS.indexOf(reason)
        const length = Math.min(requestId.length, ID_BYTES)
        fields[ID_LENGTH] = length
        writeLatin1(id, requestId.slice(0, length), 0)
        fields[SEQUENCE] = written
      },
    }
  }

  /** The last ones of all writers, newest first. @param atMost default {@link KEPT_ERRORS} */
  latest(atMost = KEPT_ERRORS): RecentError[] {
    const found: RecentError[] = []
    for (let writer = 0; writer < this.writers; writer += 1) {
      for (let entry = 0; entry < KEPT_ERRORS; entry += 1) {
        const error = readEntry(this.#entry(writer, entry))
        if (error !== null) found.push(error)
      }
    }
    return found.sort((a, b) => b.timeMs - a.timeMs).slice(0, atMost)
  }

  #entry(writer: number, entry: number): Entry {
    const at = writer * ROW_BYTES + entry * ENTRY_BYTES
    return {
      fields: new Float64Array(this.buffer, at, FIELDS),
      id: Buffer.from(this.buffer, at + FIELDS * 8, ID_BYTES),
    }
  }
}

export interface ErrorRow {
  add(error: RecentError): void
}

interface Entry {
  readonly fields: Float64Array
  readonly id: Buffer
}

function readEntry({ fields, id }: Entry): RecentError | null {
  const sequence = fields[SEQUENCE] ?? 0
  if (sequence === 0) return null
  const error = {
    timeMs: fields[TIME] ?? 0,
    route: fields[ROUTE] ?? -1,
    status: fields[STATUS] ?? 0,
    reason: REASONS[fields[REASON] ?? 0] ?? 'proxy_internal_error',
    requestId: readLatin1(id, 0, fields[ID_LENGTH] ?? 0),
  }
  return fields[SEQUENCE] === sequence ? error : null
}
