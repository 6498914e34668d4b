import type { MirrorConfig } from '../config/types.js'
import type { HostPolicy } from '../config/types-upstream.js'
import type { RequestHeader } from '../session/message-headers.js'
import { requestBlock } from '../session/wire-block.js'
import type { DeadlineWheel } from '../time/index.js'
import type { BodyFraming, UpstreamHandler } from '../upstream/http1/index.js'
import type { Upstream } from '../upstream/index.js'
import { joinPieces } from './join-pieces.js'
import { hostFor } from './outbound.js'

/** Of an answer to a copy so much is read, to keep its connection; a longer one is dropped with it. */
const READ_BYTES = 64 * 1024

/** What becomes of requests that were to be copied. */
export type MirrorEvent = 'mirror_sent' | 'mirror_skipped' | 'mirror_failed'

export interface MirrorOptions {
  readonly config: MirrorConfig
  readonly upstream: Upstream
  readonly wheel: DeadlineWheel
  count(event: MirrorEvent): void
  /** Default `Math.random`. */
  random?(): number
}

/**
 * Sends copies of a route's requests to another upstream. The original never waits for them: what does not fit into the bounds is not copied, and
 * what goes wrong is counted and nothing else.
 */
export class Mirror {
  readonly #options: MirrorOptions
  #inFlight = 0

  constructor(options: MirrorOptions) {
    this.#options = options
  }

  /** Decides whether a request is copied. */
  sample(): MirrorCopy | null {
    const { config, count, random = Math.random } = this.#options
    if (config.share < 1 && random() >= config.share) return null
    if (this.#inFlight < config.maxInFlight) return new MirrorCopy(this, config.maxBodyBytes)
    count('mirror_skipped')
    return null
  }

  skip(): void {
    this.#options.count('mirror_skipped')
  }

  send(head: RequestHeader, body: Uint8Array | null): void {
    const { config, upstream, wheel, count } = this.#options
    const { peers } = upstream
    // While its body was coming, others may have used up what may be under way.
    const isOpen = this.#inFlight < config.maxInFlight && upstream.guard.breaker?.isShut !== true
    const peer = isOpen ? peers.select(null) : null
    if (peer === null) {
      count('mirror_skipped')
      return
    }
    const isProbe = peers.probing
    const policy: HostPolicy = upstream.config.host ?? { kind: 'preserve' }
    const host = hostFor(policy, peer)
    if (host !== null) head.headers.set('host', host)
    this.#inFlight += 1
    count('mirror_sent')
    let isOver = false
    let read = 0
    const deadline = wheel.create(() => end(true))
    const end = (hasFailed: boolean): void => {
      if (isOver) return
      isOver = true
      this.#inFlight -= 1
      wheel.clear(deadline)
      // How a copy fares says nothing of how the peer serves its own clients.
      peers.abandoned(peer, isProbe)
      peers.release(peer)
      if (hasFailed) count('mirror_failed')
      exchange.abort()
    }
    const handler: UpstreamHandler = {
      onConnected: () => undefined,
      onRequestSent: () => undefined,
      onHead: () => undefined,
      onBody: (chunk) => {
        read += chunk.length
        if (read > READ_BYTES) end(false)
      },
      onEnd: () => end(false),
      onError: () => end(true),
      onDrain: () => undefined,
    }
    const framing: BodyFraming = body === null ? { kind: 'none' } : { kind: 'length', length: body.length }
    const request = {
      method: head.method,
      target: head.target,
      headerBlock: requestBlock(head.headers),
      body: framing,
    }
    const exchange = upstream.connector.request(
      peer.target,
      body === null ? request : { ...request, bodyBytes: body },
      handler,
      upstream.config.timeouts,
    )
    wheel.arm(deadline, config.timeoutMs)
  }
}

/** One copy in the making: it takes the pieces of a streamed body as they pass by. */
export class MirrorCopy {
  readonly #mirror: Mirror
  readonly #maxBodyBytes: number
  #head: RequestHeader | null = null
  #pieces: Uint8Array[] = []
  #bytes = 0
  #isDone = false

  constructor(mirror: Mirror, maxBodyBytes: number) {
    this.#mirror = mirror
    this.#maxBodyBytes = maxBodyBytes
  }

  /** An attempt begins. What an earlier one has sent of the body is sent again. @param whole null: none, or it streams */
  begin(head: RequestHeader, whole: Uint8Array | null, framing: BodyFraming): void {
    if (this.#isDone) return
    this.#head = head.clone()
    this.#pieces = []
    this.#bytes = 0
    if (whole === null && framing.kind !== 'none') {
      if (framing.kind === 'length' && framing.length > this.#maxBodyBytes) this.#skip()
      return
    }
    // It must stay as it is until it is sent.
    if (whole !== null && whole.length > 0) this.write(whole)
    this.#finish(whole !== null)
  }

  /** A piece of the body goes to the upstream. */
  write(chunk: Uint8Array): void {
    if (this.#isDone) return
    this.#bytes += chunk.length
    if (this.#bytes > this.#maxBodyBytes) this.#skip()
    else this.#pieces.push(new Uint8Array(chunk))
  }

  /** The body is complete. */
  end(): void {
    this.#finish(true)
  }

  #finish(hasBody: boolean): void {
    if (this.#isDone || this.#head === null) return
    this.#isDone = true
    const head = this.#head
    const body = hasBody ? joinPieces(this.#pieces) : null
    this.#drop()
    this.#mirror.send(head, body)
  }

  #skip(): void {
    this.#isDone = true
    this.#drop()
    this.#mirror.skip()
  }

  #drop(): void {
    this.#head = null
    this.#pieces = []
  }
}
