import { Mailbox, type MailboxHandler, RingReader, RingWriter } from '../mailbox/index.js'
import type { LinkRings } from './link-memory.js'

/** The acceptor's end of one worker: its mailbox. A new worker gets a new link, so nothing of a dead one can be read. */
export interface WorkerLink extends LinkRings {
  readonly worker: number
  readonly mailbox: Mailbox
}

/**
 * @param rings with nothing in them
 * @param ring rings the worker's bell
 */
export function createWorkerLink(
  worker: number,
  rings: LinkRings,
  ring: () => void,
  handler: MailboxHandler,
): WorkerLink {
  const { toWorker, toAcceptor } = rings
  const mailbox = new Mailbox(new RingWriter(toWorker), new RingReader(toAcceptor), ring, handler)
  return { worker, toWorker, toAcceptor, mailbox }
}
