import { readLatin1, writeLatin1 } from '../memory/index.js'
import type { RecordReader, RecordWriter } from './record-ring.js'
import type { AccessEntry, LoggedEntry } from './types.js'

// A record: 16 numbers, the first of which is the ring's; the lengths of its texts; the texts. Lengths of headers are one more than they
// are: 0 stands for one that was not there.
const TIME = 1
const QUEUE = 2
const CONNECT = 3
const RESPONSE = 4
const TOTAL = 5
const OVERHEAD = 6
const BYTES_IN = 7
const BYTES_OUT = 8
const STATUS = 9
const UPSTREAM_STATUS = 10
const TRIES = 11
const EVERY = 12
const FORMAT = 13
const KIND = 14
const NUMBERS = 16
const NUMBER_BYTES = 8
const LENGTH_BYTES = 2
const TEXTS = 11

/** What goes along with an entry. */
export interface RecordNotes {
  /** Milliseconds since 1970. */
  readonly timeMs: number
  /** The line stands for so many sessions. */
  readonly every: number
  /** Number of the format that its line gets. */
  readonly format: number
}

/**
 * Puts an entry into the ring as it is: what costs time is done where it is read. Texts must have been cut to 65,534 characters, names of routes and
 * upstreams packed ({@link packName}).
 * @param headers values, in the order of the format's names; null: the request has none
 * @returns false when it was dropped
 */
export function writeEntry(
  ring: RecordWriter,
  entry: AccessEntry,
  headers: readonly (string | null)[],
  notes: RecordNotes,
): boolean {
  const { requestId, traceId, client, method, host, target, route, upstream, reason, code, cache } = entry
  let text = requestId + traceId + client + method + host + target + route + upstream + reason + code + cache
  for (const value of headers) if (value !== null) text += value
  const textAt = NUMBERS * NUMBER_BYTES + (TEXTS + headers.length) * LENGTH_BYTES
  const offset = ring.reserve(textAt + text.length)
  if (offset < 0) return false
  const { numbers, lengths } = ring
  const first = offset / NUMBER_BYTES
  numbers[first + TIME] = notes.timeMs
  numbers[first + QUEUE] = entry.queueMs
  numbers[first + CONNECT] = entry.connectMs
  numbers[first + RESPONSE] = entry.responseMs
  numbers[first + TOTAL] = entry.totalMs
  numbers[first + OVERHEAD] = entry.overheadMs
  numbers[first + BYTES_IN] = entry.bytesIn
  numbers[first + BYTES_OUT] = entry.bytesOut
  numbers[first + STATUS] = entry.status
  numbers[first + UPSTREAM_STATUS] = entry.upstreamStatus
  numbers[first + TRIES] = entry.tries
  numbers[first + EVERY] = notes.every
  numbers[first + FORMAT] = notes.format
  numbers[first + KIND] = entry.kind === 'refused' ? 1 : 0
  const at = offset / LENGTH_BYTES + (NUMBERS * NUMBER_BYTES) / LENGTH_BYTES
  lengths[at] = requestId.length
  lengths[at + 1] = traceId.length
  lengths[at + 2] = client.length
  lengths[at + 3] = method.length
  lengths[at + 4] = host.length
  lengths[at + 5] = target.length
  lengths[at + 6] = route.length
  lengths[at + 7] = upstream.length
  lengths[at + 8] = reason.length
  lengths[at + 9] = code.length
  lengths[at + 10] = cache.length
  for (let i = 0; i < headers.length; i += 1) {
    const value = headers[i] ?? null
    lengths[at + TEXTS + i] = value === null ? 0 : value.length + 1
  }
  writeLatin1(ring.bytes, text, offset + textAt)
  ring.commit()
  return true
}

/** The number of the format of a record. */
export function formatOf(ring: RecordReader, offset: number): number {
  return ring.numbers[offset / NUMBER_BYTES + FORMAT] ?? 0
}

/** @param names of the headers of the record's format */
export function readEntry(ring: RecordReader, offset: number, names: readonly string[]): LoggedEntry {
  const first = offset / NUMBER_BYTES
  const number = (field: number): number => ring.numbers[first + field] ?? 0
  let lengthAt = offset / LENGTH_BYTES + (NUMBERS * NUMBER_BYTES) / LENGTH_BYTES
  let textAt = offset + NUMBERS * NUMBER_BYTES + (TEXTS + names.length) * LENGTH_BYTES
  const nextLength = (): number => {
    lengthAt += 1
    return ring.lengths[lengthAt - 1] ?? 0
  }
  const take = (length: number): string => {
    if (length === 0) return ''
    textAt += length
    return readLatin1(ring.bytes, textAt - length, textAt)
  }
  const requestId = take(nextLength())
  const traceId = take(nextLength())
  const client = take(nextLength())
  const method = take(nextLength())
  const host = take(nextLength())
  const target = take(nextLength())
  const route = unpackName(take(nextLength()))
  const upstream = unpackName(take(nextLength()))
  const reason = take(nextLength())
  const code = take(nextLength())
  const cache = take(nextLength())
  const headers = names.map(() => {
    const length = nextLength()
    return length === 0 ? null : take(length - 1)
  })
  return {
    kind: number(KIND) === 1 ? 'refused' : 'session',
    requestId,
    traceId,
    client,
    method,
    host,
    target,
    route,
    status: number(STATUS),
    upstream,
    upstreamStatus: number(UPSTREAM_STATUS),
    tries: number(TRIES),
    reason,
    code,
    cache,
    bytesIn: number(BYTES_IN),
    bytesOut: number(BYTES_OUT),
    queueMs: number(QUEUE),
    connectMs: number(CONNECT),
    responseMs: number(RESPONSE),
    totalMs: number(TOTAL),
    overheadMs: number(OVERHEAD),
    timeMs: number(TIME),
    every: number(EVERY),
    header: (name) => headers[names.indexOf(name)] ?? null,
  }
}

const BEYOND_ASCII = /[\u0080-\uffff]/

/** Names of the configuration may hold any character: they travel as UTF-8, with a character for each byte. */
export function packName(name: string): string {
  return BEYOND_ASCII.test(name) ? Buffer.from(name, 'utf8').toString('latin1') : name
}

function unpackName(name: string): string {
  return BEYOND_ASCII.test(name) ? Buffer.from(name, 'latin1').toString('utf8') : name
}
