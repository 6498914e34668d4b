import { closeSync, openSync, readSync, renameSync, rmSync } from 'node:fs'
import { now } from '../../time/index.js'
import type { SharedStore } from '../store/index.js'
import type { Loaded, SnapshotPlace } from './keeper-task.js'
import {
  CRC_BYTES,
  crc32,
  DamagedSnapshot,
  END,
  END_BYTES,
  FIXED_BYTES,
  isUsable,
  keptEntry,
  lengthsOf,
  MAGIC,
  RECORD,
  START_BYTES,
  VERSION,
} from './snapshot-format.js'

const BUFFER_BYTES = 1024 * 1024
/** Longest mark. */
const MAX_MARK_BYTES = 1024

/**
 * Takes what a snapshot holds into the store, but for what is too old, purged or replaced meanwhile. A snapshot is used once: after a crash what was purged
 * since would come back with it. A damaged one is moved aside. Blocks the thread.
 * @throws Error of the system
 */
export function loadSnapshot(store: SharedStore, { file, mark }: SnapshotPlace): Loaded {
  const own = `${file}.loading`
  const sinceMs = now()
  try {
    renameSync(file, own)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'none' }
    throw error
  }
  const reader = new SnapshotReader(openSync(own, 'r'))
  const taken = { entries: 0, skipped: 0 }
  try {
    if (reader.mark() !== mark) {
      rmSync(own)
      return { kind: 'other' }
    }
    while (takeOne(store, reader, sinceMs, taken));
    rmSync(own)
    return { kind: 'taken', ...taken }
  } catch (error) {
    if (!(error instanceof DamagedSnapshot)) throw error
    const movedTo = `${file}.damaged`
    renameSync(own, movedTo)
    return { kind: 'damaged', why: error.message, movedTo, entries: taken.entries }
  } finally {
    reader.close()
  }
}

/** @returns false: that was the end */
function takeOne(
  store: SharedStore,
  reader: SnapshotReader,
  sinceMs: number,
  taken: { entries: number; skipped: number },
): boolean {
  const kind = reader.take(4).readInt32LE(0)
  if (kind === END) {
    const count = reader.take(END_BYTES).readUInt32LE(0)
    reader.check()
    if (count !== taken.entries + taken.skipped) throw new DamagedSnapshot('records are missing')
    return false
  }
  if (kind !== RECORD) throw new DamagedSnapshot('a record does not begin where it should')
  // The numbers of the format count from the first word of a record.
  const fixed = Buffer.concat([Buffer.alloc(4), reader.take(FIXED_BYTES - 4)])
  const lengths = lengthsOf(fixed)
  const text = reader.take(lengths.keyBytes + lengths.tagBytes + lengths.metaBytes).toString('latin1')
  const kept = keptEntry(fixed, lengths, text)
  const writer = isUsable(kept, now()) ? store.restore(kept, lengths.bodyBytes, sinceMs) : null
  let isWhole = writer !== null
  try {
    for (let left = lengths.bodyBytes; left > 0; ) {
      const piece = reader.take(Math.min(left, BUFFER_BYTES))
      if (isWhole && writer !== null) isWhole = writer.append(piece)
      left -= piece.length
    }
    reader.check()
  } catch (error) {
    writer?.abort()
    throw error
  }
  if (isWhole && writer?.complete() === true) {
    taken.entries += 1
    if (kept.isMain) store.promote(kept.key)
  } else taken.skipped += 1
  return true
}

class SnapshotReader {
  readonly #file: number
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  #at = 0
  #end = 0
  #crc = 0

  constructor(file: number) {
    this.#file = file
  }

  /** @throws DamagedSnapshot when it is no snapshot, or one of another version */
  mark(): string {
    const start = this.take(START_BYTES)
    if (!start.subarray(0, MAGIC.length).equals(MAGIC))
      throw new DamagedSnapshot('it is no snapshot of a cache')
    const version = start.readUInt32LE(MAGIC.length)
    if (version !== VERSION) throw new DamagedSnapshot(`its version is ${version}, not ${VERSION}`)
    const markBytes = start.readUInt32LE(MAGIC.length + 4)
    if (markBytes > MAX_MARK_BYTES) throw new DamagedSnapshot('its head has no sense')
    const mark = this.take(markBytes).toString('latin1')
    this.check()
    return mark
  }

  /** The next bytes, valid until the next call. @param bytes at most {@link BUFFER_BYTES} @throws DamagedSnapshot at the end of the file */
  take(bytes: number): Buffer {
    const piece = this.#next(bytes)
    this.#crc = crc32(piece, this.#crc)
    return piece
  }

  /** Compares the checksum of everything since the last. @throws DamagedSnapshot */
  check(): void {
    const crc = this.#crc
    if (this.#next(CRC_BYTES).readUInt32LE(0) !== crc) throw new DamagedSnapshot('a checksum is wrong')
    this.#crc = 0
  }

  close(): void {
    closeSync(this.#file)
  }

  #next(bytes: number): Buffer {
    if (this.#end - this.#at < bytes) {
      this.#buffer.copyWithin(0, this.#at, this.#end)
      this.#end -= this.#at
      this.#at = 0
      while (this.#end < bytes) {
        const read = readSync(this.#file, this.#buffer, this.#end, BUFFER_BYTES - this.#end, null)
        if (read === 0) throw new DamagedSnapshot('it ends too early')
        this.#end += read
      }
    }
    this.#at += bytes
    return this.#buffer.subarray(this.#at - bytes, this.#at)
  }
}
