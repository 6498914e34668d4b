import { type ClientPort, type LifecycleEnv, type Route, SessionRun } from '../lifecycle/index.js'
import {
  CREDIT,
  END,
  FAIL,
  INFO,
  type Mailbox,
  type OpenFrame,
  WINDOW_BYTES,
  writeBody,
  writeHead,
  writeText,
} from '../mailbox/index.js'

/** What a session needs of its worker. */
export interface SessionHost {
  readonly mailbox: Mailbox
  /** Call `run.flushHead` at the end of this turn. */
  flushLater(session: WorkerSession): void
  /** The acceptor will not speak of this session any more. */
  forget(session: WorkerSession): void
  /** Call `onRoom` when the mailbox has room again. */
  waitForRoom(session: WorkerSession): void
}

/** A session in its worker: the run, and its client at the other end of the mailbox. */
export class WorkerSession implements ClientPort {
  readonly slot: number
  readonly generation: number
  readonly run: SessionRun
  readonly #host: SessionHost
  #credit = WINDOW_BYTES
  #waits = false

  constructor(
    host: SessionHost,
    slot: number,
    generation: number,
    open: OpenFrame,
    route: Route,
    env: LifecycleEnv,
  ) {
    this.#host = host
    this.slot = slot
    this.generation = generation
    // What every upstream is told about the request; the acceptor has removed what a client could forge of it.
    const headerBlock = `${open.headerBlock}via: 1.1 headgate\r\nx-forwarded-for: ${open.remoteAddress}\r\nx-forwarded-proto: http\r\nx-request-id: ${open.requestId}\r\n`
    this.run = new SessionRun({ ...open, headerBlock }, route, env, this)
  }

  head(
    status: number,
    statusText: string,
    headerBlock: string,
    contentLength: number | null,
    body: Uint8Array | null,
    complete: boolean,
  ): void {
    writeHead(
      this.#host.mailbox,
      this.slot,
      this.generation,
      { status, statusText, headerBlock, contentLength, complete, wantSent: true },
      body,
    )
  }

  informational(status: number, headerBlock: string): void {
    writeText(this.#host.mailbox, INFO, this.slot, this.generation, headerBlock, status)
  }

  body(chunk: Uint8Array): boolean {
    writeBody(this.#host.mailbox, this.slot, this.generation, chunk, false)
    this.#credit -= chunk.length
    if (this.#credit > 0 && !this.#host.mailbox.congested) return true
    this.#waits = true
    if (this.#host.mailbox.congested) this.#host.waitForRoom(this)
    return false
  }

  end(trailerBlock: string): void {
    writeText(this.#host.mailbox, END, this.slot, this.generation, trailerBlock)
  }

  fail(): void {
    this.#host.mailbox.reserve(FAIL, this.slot, this.generation, 0)
    this.#host.forget(this)
  }

  grant(bytes: number): void {
    this.#host.mailbox.reserve(CREDIT, this.slot, this.generation, 0, bytes)
  }

  flushLater(): void {
    this.#host.flushLater(this)
  }

  /** The acceptor has written `bytes` to the client. */
  onCredit(bytes: number): void {
    this.#credit += bytes
    this.onRoom()
  }

  /** The ring may have room again. */
  onRoom(): void {
    if (!this.#waits || this.#credit <= 0) return
    if (this.#host.mailbox.congested) {
      this.#host.waitForRoom(this)
      return
    }
    this.#waits = false
    this.run.onClientWritable()
  }
}
