import { createRingBuffer } from '../mailbox/index.js'

const TO_WORKER_BYTES = 1024 * 1024
const TO_ACCEPTOR_BYTES = 2 * 1024 * 1024

/** The rings between the acceptor and one worker. */
export interface LinkRings {
  readonly toWorker: SharedArrayBuffer
  readonly toAcceptor: SharedArrayBuffer
}

/**
 * Rings that no thread uses, for the workers that come next. V8 does not count shared memory when it decides whether to collect: without
 * this, each worker that dies under a light load leaves its rings of 3 MiB to a collection that may be an hour away.
 */
export class LinkMemory {
  readonly #spare: LinkRings[] = []

  /** Rings with nothing in them. */
  take(): LinkRings {
    return (
      this.#spare.pop() ?? {
        toWorker: createRingBuffer(TO_WORKER_BYTES),
        toAcceptor: createRingBuffer(TO_ACCEPTOR_BYTES),
      }
    )
  }

  /** Of rings that were taken, when neither side can touch them any more: not before the worker's thread is gone. */
  giveBack({ toWorker, toAcceptor }: LinkRings): void {
    // Nothing of a dead worker can be read by the next.
    for (const ring of [toWorker, toAcceptor]) new Uint8Array(ring).fill(0)
    this.#spare.push({ toWorker, toAcceptor })
  }
}
