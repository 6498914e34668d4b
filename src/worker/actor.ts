import { DEFAULT_FORWARDING, ForwardingFields } from '../forwarding/index.js'
import type { LifecycleEnv, Route } from '../lifecycle/index.js'
import {
  ABORT,
  BODY,
  bodyView,
  CREDIT,
  FAIL,
  Mailbox,
  type MailboxHandler,
  OPEN,
  type RingReader,
  type RingWriter,
  readOpen,
  readSent,
  SENT,
} from '../mailbox/index.js'
import { type SessionHost, WorkerSession } from './worker-session.js'

export interface ActorOptions {
  readonly routes: readonly Route[]
  readonly env: LifecycleEnv
  /** Default: as without any configuration. */
  readonly forwarding?: ForwardingFields
  /** Rings the acceptor's bell. */
  ring(): void
  /** The inbound ring is damaged: the worker cannot go on. */
  onCorrupt(error: Error): void
}

/** The loop of a worker: frames in, sessions, frames out. */
export class Actor implements MailboxHandler, SessionHost {
  readonly mailbox: Mailbox
  readonly forwarding: ForwardingFields
  readonly #options: ActorOptions
  readonly #sessions: (WorkerSession | undefined)[] = []
  readonly #toFlush: WorkerSession[] = []
  #waiting: WorkerSession[] = []

  constructor(out: RingWriter, inbound: RingReader, options: ActorOptions) {
    this.#options = options
    this.forwarding = options.forwarding ?? new ForwardingFields(DEFAULT_FORWARDING)
    this.mailbox = new Mailbox(out, inbound, options.ring, this)
  }

  onFrame(frame: RingReader): void {
    if (frame.kind === OPEN) {
      this.#open(frame)
      return
    }
    const session = this.#sessions[frame.slot]
    if (session === undefined || session.generation !== frame.generation) return
    switch (frame.kind) {
      case BODY:
        session.run.onRequestBody(bodyView(frame), frame.a === 1)
        return
      case CREDIT:
        session.onCredit(frame.a)
        return
      case SENT:
        this.#sessions[frame.slot] = undefined
        session.run.onSent(readSent(frame))
        return
      case ABORT:
        this.#sessions[frame.slot] = undefined
        session.run.onClientAbort(frame.a)
        return
      default:
    }
  }

  onRoom(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const session of waiting) session.onRoom()
  }

  onCorrupt(error: Error): void {
    this.#options.onCorrupt(error)
  }

  beforeFlush(): void {
    const sessions = this.#toFlush
    for (let i = 0; i < sessions.length; i += 1) sessions[i]?.run.flushHead()
    sessions.length = 0
  }

  flushLater(session: WorkerSession): void {
    this.#toFlush.push(session)
    this.mailbox.scheduleFlush()
  }

  /** The worker is told to end: every session that is left is cleaned up. */
  close(): void {
    // The acceptor rings no bell for what was sent: sessions that ended well must not look cut off.
    this.mailbox.readAll()
    for (const session of this.#sessions) session?.run.onShutdown()
    this.#sessions.length = 0
  }

  forget(session: WorkerSession): void {
    if (this.#sessions[session.slot] === session) this.#sessions[session.slot] = undefined
  }

  waitForRoom(session: WorkerSession): void {
    this.#waiting.push(session)
  }

  #open(frame: RingReader): void {
    const open = readOpen(frame)
    const entry = this.#options.routes[open.route]
    const route = entry?.branch === undefined ? entry : entry.branch(open)
    if (route === undefined) {
      this.mailbox.reserve(FAIL, frame.slot, frame.generation, 0)
      return
    }
    // A slot is only given again after its session has ended at the other end: what is left here has broken off.
    this.#sessions[frame.slot]?.run.onClientAbort()
    const session = new WorkerSession(this, frame.slot, frame.generation, open, route, this.#options.env)
    this.#sessions[frame.slot] = session
    session.run.start()
  }
}
