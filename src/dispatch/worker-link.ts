import { createRingBuffer, Mailbox, type MailboxHandler, RingReader, RingWriter } from '../mailbox/index.js'

const TO_WORKER_BYTES = 1024 * 1024
const TO_ACCEPTOR_BYTES = 2 * 1024 * 1024

/** The acceptor's end of one worker: its mailbox. A new worker gets a new link, so nothing of a dead one can be read. */
export interface WorkerLink {
  readonly worker: number
  readonly mailbox: Mailbox
  readonly toWorker: SharedArrayBuffer
  readonly toAcceptor: SharedArrayBuffer
}

/** @param ring rings the worker's bell */
export function createWorkerLink(worker: number, ring: () => void, handler: MailboxHandler): WorkerLink {
  const toWorker = createRingBuffer(TO_WORKER_BYTES)
  const toAcceptor = createRingBuffer(TO_ACCEPTOR_BYTES)
  return {
    worker,
    toWorker,
    toAcceptor,
    mailbox: new Mailbox(new RingWriter(toWorker), new RingReader(toAcceptor), ring, handler),
  }
}
