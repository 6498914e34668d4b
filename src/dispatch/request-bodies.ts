import { MAX_BODY_PIECE_BYTES, writeBody } from '../mailbox/index.js'
import { giveSlab, takeSlab } from '../memory/index.js'
import type { Slot, WaitingPiece } from './slot-table.js'
import type { WorkerLink } from './worker-link.js'

/** Moves request bodies to the workers, under the credit of each session and as far as the ring has room. */
export class RequestBodies {
  readonly #congested = new Map<WorkerLink, Set<Slot>>()

  /** A piece from the client, valid only during the call. */
  send(slot: Slot, link: WorkerLink, chunk: Uint8Array, last: boolean): void {
    const { mailbox } = link
    if (slot.waiting.length === 0 && slot.bodyCredit > 0 && !mailbox.congested) {
      slot.bodyCredit -= chunk.length
      writeBody(mailbox, slot.index, slot.generation, chunk, last)
      if (slot.bodyCredit > 0 && !mailbox.congested) return
    } else keep(slot.waiting, chunk, last)
    if (mailbox.congested) this.#waitForRoom(slot, link)
    if (slot.paused || last) return
    slot.paused = true
    slot.exchange?.pauseBody()
  }

  /** The worker takes `bytes` more. */
  grant(slot: Slot, bytes: number): void {
    slot.bodyCredit += bytes
    this.#sendWaiting(slot)
  }

  /** The ring has room again. */
  onRoom(link: WorkerLink): void {
    const waiting = this.#congested.get(link)
    if (waiting === undefined) return
    this.#congested.delete(link)
    for (const slot of waiting) if (slot.link === link) this.#sendWaiting(slot)
  }

  /** The worker is gone. */
  forget(link: WorkerLink): void {
    this.#congested.delete(link)
  }

  #sendWaiting(slot: Slot): void {
    const { exchange, link, waiting } = slot
    if (exchange === null || link === null) return
    let sent = 0
    for (const { bytes, last, slab } of waiting) {
      if (slot.bodyCredit <= 0 || link.mailbox.congested) break
      slot.bodyCredit -= bytes.length
      writeBody(link.mailbox, slot.index, slot.generation, bytes, last)
      if (slab !== null) giveSlab(slab)
      sent += 1
    }
    waiting.splice(0, sent)
    if (link.mailbox.congested) this.#waitForRoom(slot, link)
    else if (slot.paused && waiting.length === 0 && slot.bodyCredit > 0) {
      slot.paused = false
      exchange.resumeBody()
    }
  }

  #waitForRoom(slot: Slot, link: WorkerLink): void {
    const waiting = this.#congested.get(link) ?? new Set()
    waiting.add(slot)
    this.#congested.set(link, waiting)
  }
}

/** Copies a piece, cut to the size of frames: some come after the server was told to pause, as long as its buffer. */
function keep(waiting: WaitingPiece[], chunk: Uint8Array, last: boolean): void {
  let at = 0
  do {
    const piece = chunk.subarray(at, at + MAX_BODY_PIECE_BYTES)
    at += piece.length
    const slab = takeSlab(piece.length)
    slab?.set(piece)
    const bytes = slab === null ? new Uint8Array(piece) : slab.subarray(0, piece.length)
    waiting.push({ bytes, last: last && at === chunk.length, slab })
  } while (at < chunk.length)
}
