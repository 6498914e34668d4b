import { crc32 } from 'node:zlib'
import type { KeptEntry } from '../store/index.js'

/**
 * A snapshot: a head (magic, version, length of the mark, the mark, checksum), a record for each entry (fixed part, key, tags, meta, body,
 * checksum), and an end that says how many there were. Little-endian; checksums are CRC-32 over everything since the one before.
 */
export const MAGIC = Buffer.from('HEADGATE')
export const VERSION = 1
/** Bytes in front of the mark. */
export const START_BYTES = MAGIC.length + 8
/** Fixed part of a record: nine words and six doubles. */
export const FIXED_BYTES = 9 * 4 + 6 * 8
export const CRC_BYTES = 4
/** First words. */
export const RECORD = 0x59524e45
export const END = 0x2e444e45
/** Behind the first word of the end. */
export const END_BYTES = 4

/** Longest text of a record; longer ones are not made, so they are damage. */
const MAX_TEXT_BYTES = 512 * 1024

/** A file is not what it should be. */
export class DamagedSnapshot extends Error {
  override readonly name = 'DamagedSnapshot'
}

/** What stands in front of the body of an entry. */
export interface EntryLengths {
  readonly keyBytes: number
  readonly tagBytes: number
  readonly metaBytes: number
  readonly bodyBytes: number
}

export function startBytes(mark: string): Buffer {
  const bytes = Buffer.alloc(START_BYTES + mark.length)
  MAGIC.copy(bytes)
  bytes.writeUInt32LE(VERSION, MAGIC.length)
  bytes.writeUInt32LE(mark.length, MAGIC.length + 4)
  bytes.write(mark, START_BYTES, 'latin1')
  return bytes
}

/** All of a record but its body. */
export function recordBytes({ key, head, tagBytes, isMain }: KeptEntry, bodyBytes: number): Buffer {
  const bytes = Buffer.alloc(FIXED_BYTES + key.length + tagBytes.length + head.meta.length)
  const lengths = [key.length, tagBytes.length, head.meta.length, bodyBytes]
  const words = [RECORD, ...lengths, head.status, Number(isMain), head.flags, head.vary]
  for (const [at, word] of words.entries()) bytes.writeInt32LE(word | 0, at * 4)
  const times = [
    head.bornMs,
    head.storedAtMs,
    head.freshUntilMs,
    head.staleWhileRevalidateUntilMs,
    head.staleIfErrorUntilMs,
    head.lastModifiedMs,
  ]
  for (const [at, time] of times.entries()) bytes.writeDoubleLE(time, words.length * 4 + at * 8)
  bytes.write(key + tagBytes + head.meta, FIXED_BYTES, 'latin1')
  return bytes
}

/** @throws DamagedSnapshot when no record can have such lengths */
export function lengthsOf(fixed: Buffer): EntryLengths {
  const [keyBytes = 0, tagBytes = 0, metaBytes = 0, bodyBytes = 0] = [4, 8, 12, 16].map((at) =>
    fixed.readUInt32LE(at),
  )
  if (keyBytes + tagBytes + metaBytes > MAX_TEXT_BYTES) throw new DamagedSnapshot('a record has no sense')
  return { keyBytes, tagBytes, metaBytes, bodyBytes }
}

/** @param text key, tags and meta */
export function keptEntry(fixed: Buffer, lengths: EntryLengths, text: string): KeptEntry {
  const { keyBytes, tagBytes } = lengths
  const time = (at: number): number => fixed.readDoubleLE(36 + at * 8)
  return {
    key: text.slice(0, keyBytes),
    tagBytes: text.slice(keyBytes, keyBytes + tagBytes),
    isMain: fixed.readInt32LE(24) === 1,
    head: {
      bornMs: time(0),
      storedAtMs: time(1),
      freshUntilMs: time(2),
      staleWhileRevalidateUntilMs: time(3),
      staleIfErrorUntilMs: time(4),
      lastModifiedMs: time(5),
      status: fixed.readInt32LE(20),
      flags: fixed.readInt32LE(28),
      vary: fixed.readInt32LE(32),
      meta: text.slice(keyBytes + tagBytes),
    },
  }
}

/** From the clock of another boot it may be of the future, ms. */
const AHEAD_MS = 60_000

/** Can anything be done with it, by its age: is it fresh, or within a window in which it may be served stale? */
export function isUsable({ head }: KeptEntry, nowMs: number): boolean {
  const { freshUntilMs, staleWhileRevalidateUntilMs, staleIfErrorUntilMs, storedAtMs } = head
  const untilMs = Math.max(freshUntilMs, staleWhileRevalidateUntilMs, staleIfErrorUntilMs)
  return untilMs > nowMs && storedAtMs < nowMs + AHEAD_MS
}

export { crc32 }
