import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { now } from '../../time/index.js'
import type { SharedStore } from '../store/index.js'
import type { Saved, SnapshotPlace } from './keeper-task.js'
import { CRC_BYTES, crc32, END, isUsable, recordBytes, startBytes } from './snapshot-format.js'

/** So much is written at a time, bytes. */
const BUFFER_BYTES = 1024 * 1024

/**
 * Writes what is stored and can still be used into a file that only this user can read; under its name it is complete or not there. Blocks the thread.
 * @throws Error of the system
 */
export function saveSnapshot(store: SharedStore, { file, mark }: SnapshotPlace): Saved {
  const unfinished = `${file}.${process.pid}.tmp`
  const writer = new SnapshotWriter(openSync(unfinished, 'w', 0o600))
  let entries = 0
  try {
    writer.write(startBytes(mark))
    writer.seal()
    const nowMs = now()
    store.forEachKept((kept, entry) => {
      const { totalBytes } = entry
      if (totalBytes === null || !isUsable(kept, nowMs)) return
      writer.write(recordBytes(kept, totalBytes))
      for (let at = 0; at < totalBytes; ) {
        const piece = entry.read(at)
        if (piece === null) throw new Error('an entry of the cache has a hole')
        writer.write(piece)
        at += piece.length
      }
      writer.seal()
      entries += 1
    })
    const end = Buffer.alloc(8)
    end.writeInt32LE(END, 0)
    end.writeUInt32LE(entries, 4)
    writer.write(end)
    writer.seal()
    writer.close()
    renameSync(unfinished, file)
    return { entries, bytes: writer.bytes }
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw error
  }
}

class SnapshotWriter {
  bytes = 0
  readonly #file: number
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  #filled = 0
  #crc = 0

  constructor(file: number) {
    this.#file = file
  }

  write(piece: Uint8Array): void {
    this.#crc = crc32(piece, this.#crc)
    this.#append(piece)
  }

  /** Writes the checksum of everything since the last. */
  seal(): void {
    const crc = Buffer.alloc(CRC_BYTES)
    crc.writeUInt32LE(this.#crc, 0)
    this.#append(crc)
    this.#crc = 0
  }

  close(): void {
    this.#flush()
    fsyncSync(this.#file)
    closeSync(this.#file)
  }

  #append(piece: Uint8Array): void {
    this.bytes += piece.length
    for (let done = 0; done < piece.length; ) {
      if (this.#filled === BUFFER_BYTES) this.#flush()
      const part = piece.subarray(done, done + BUFFER_BYTES - this.#filled)
      this.#buffer.set(part, this.#filled)
      this.#filled += part.length
      done += part.length
    }
  }

  #flush(): void {
    for (let done = 0; done < this.#filled; )
      done += writeSync(this.#file, this.#buffer, done, this.#filled - done)
    this.#filled = 0
  }
}
