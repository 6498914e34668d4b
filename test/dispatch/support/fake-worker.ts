import {
  ABORT,
  BODY,
  bodyView,
  CREDIT,
  END,
  FAIL,
  INFO,
  Mailbox,
  OPEN,
  type OpenFrame,
  RingReader,
  RingWriter,
  readOpen,
  readSent,
  SENT,
  writeBody,
  writeHead,
  writeText,
} from '#src/mailbox/index.js'

/** A session as its worker sees it. */
export interface WorkerSide {
  readonly slot: number
  readonly generation: number
  readonly open: OpenFrame
  body: Buffer
  isBodyComplete: boolean
  /** Bytes that the acceptor has granted for the answer. */
  credited: number
  phase: 'waiting' | 'streaming' | 'answered'
  end: 'sent' | 'aborted' | 'failed' | null
}

/**
 * The other end of a mailbox, without filters and upstreams: keeps the sessions that it is given, and answers as the test
 * says. `problems` has what no acceptor may do.
 */
export class FakeWorker {
  readonly mailbox: Mailbox
  readonly sessions: WorkerSide[] = []
  readonly problems: string[] = []
  readonly #bySlot = new Map<number, WorkerSide>()

  constructor(toWorker: SharedArrayBuffer, toAcceptor: SharedArrayBuffer, ring: () => void) {
    this.mailbox = new Mailbox(new RingWriter(toAcceptor), new RingReader(toWorker), ring, {
      onFrame: (frame) => this.#onFrame(frame),
      onRoom: () => undefined,
      onCorrupt: (error) => this.problems.push(String(error)),
    })
  }

  /** The sessions that it still works at. */
  get live(): WorkerSide[] {
    return [...this.#bySlot.values()]
  }

  get last(): WorkerSide {
    const session = this.sessions.at(-1)
    if (session === undefined) throw new Error('the worker was given no session')
    return session
  }

  /** A whole answer in one frame. */
  respond(session: WorkerSide, status = 200, headerBlock = '', body: Uint8Array | null = null): void {
    session.phase = 'answered'
    const contentLength = body?.length ?? 0
    const head = { status, statusText: '', headerBlock, contentLength, complete: true, wantSent: true }
    writeHead(this.mailbox, session.slot, session.generation, head, body)
  }

  /** The head of a streamed answer. */
  begin(session: WorkerSide, status = 200, contentLength: number | null = null): void {
    session.phase = 'streaming'
    const head = {
      status,
      statusText: '',
      headerBlock: 'x-a: 1\r\n',
      contentLength,
      complete: false,
      wantSent: true,
    }
    writeHead(this.mailbox, session.slot, session.generation, head, null)
  }

  body(session: WorkerSide, chunk: Uint8Array): void {
    writeBody(this.mailbox, session.slot, session.generation, chunk, false)
  }

  end(session: WorkerSide, trailers = ''): void {
    session.phase = 'answered'
    writeText(this.mailbox, END, session.slot, session.generation, trailers)
  }

  fail(session: WorkerSide): void {
    session.end ??= 'failed'
    if (this.#bySlot.get(session.slot) === session) this.#bySlot.delete(session.slot)
    this.mailbox.reserve(FAIL, session.slot, session.generation, 0)
  }

  informational(session: WorkerSide, status: number, block: string): void {
    writeText(this.mailbox, INFO, session.slot, session.generation, block, status)
  }

  /** Takes `bytes` more of the request body. */
  grant(session: WorkerSide, bytes: number): void {
    this.mailbox.reserve(CREDIT, session.slot, session.generation, 0, bytes)
  }

  #onFrame(frame: RingReader): void {
    if (frame.kind === OPEN) {
      const before = this.#bySlot.get(frame.slot)
      if (before !== undefined)
        this.problems.push(`slot ${frame.slot} was given again before its session ended`)
      const session: WorkerSide = {
        slot: frame.slot,
        generation: frame.generation,
        open: readOpen(frame),
        body: Buffer.alloc(0),
        isBodyComplete: false,
        credited: 0,
        phase: 'waiting',
        end: null,
      }
      this.sessions.push(session)
      this.#bySlot.set(frame.slot, session)
      return
    }
    const session = this.#bySlot.get(frame.slot)
    // The acceptor may not have known yet that it failed.
    if (session === undefined || session.generation !== frame.generation) return
    switch (frame.kind) {
      case BODY:
        if (session.isBodyComplete) this.problems.push('a piece of body after the last one')
        session.body = Buffer.concat([session.body, bodyView(frame)])
        session.isBodyComplete = frame.a === 1
        return
      case CREDIT:
        if (frame.a <= 0) this.problems.push(`a credit of ${frame.a}`)
        session.credited += frame.a
        return
      case SENT:
        if (session.phase !== 'answered') this.problems.push(`SENT while ${session.phase}`)
        if (!(readSent(frame) > 0)) this.problems.push('SENT without a time')
        session.end = 'sent'
        this.#bySlot.delete(frame.slot)
        return
      case ABORT:
        session.end = 'aborted'
        this.#bySlot.delete(frame.slot)
        return
      default:
        this.problems.push(`a frame of kind ${frame.kind}`)
    }
  }
}
