import { performance } from 'node:perf_hooks'
import type { Deadline } from '../../time/index.js'
import { warnInternal } from '../internal-error.js'
import type { Downstream } from '../types.js'
import {
  type AnswerHead,
  CLOSES,
  type Ending,
  endWhole,
  KEEPS,
  LINGERS,
  writeAnswerHead,
  writeLastChunk,
} from './answer-head.js'
import { type BodyWriter, ChunkedWriter, SizedWriter } from './body-writer.js'
import { PULSE_MS, type UwsExchangeHost } from './exchange-host.js'
import type { UwsResponse } from './native-types.js'

/** The exchange as its answer sees it. */
export interface AnswerOwner extends Downstream {
  readonly response: UwsResponse
  readonly host: UwsExchangeHost
  /** False: the response object must not be touched any more. */
  isAlive: boolean
  /** The request body is paused: uWS does not report room then, and a write that fails makes it read again. */
  readonly isPaused: boolean
  cork(callback: () => void): void
  ending(): Ending
  /** The answer is complete. With `staysOpen` uWS does not know it, and the connection has to be closed. */
  onComplete(staysOpen: boolean): void
  /** The client has taken nothing for too long. */
  onStall(): void
}

/** How often a stalled answer is tried again while the request body is paused. */
const RETRY_MS = 50

/**
 * One answer whose body comes in pieces. The head leaves with the first of them: uWS cannot send it alone.
 */
export class StreamedAnswer {
  bytesOut = 0
  /** The client has been slow at least once. */
  hasStalled = false
  readonly #owner: AnswerOwner
  readonly #head: AnswerHead
  /** null: unknown, so chunked. */
  readonly #sizeBytes: number | null
  #writer: BodyWriter | null = null
  /** The connection is closed behind the answer, and not by uWS. */
  #closing = false
  #isWaiting = false
  #hasEnded = false
  #deadline: Deadline | null = null
  #wroteAtMs = 0

  constructor(owner: AnswerOwner, head: AnswerHead, sizeBytes: number | null) {
    this.#owner = owner
    this.#head = head
    this.#sizeBytes = sizeBytes
  }

  /** Bytes of the announced length that are still owed. */
  get missingBytes(): number {
    return this.#sizeBytes === null ? 0 : this.#sizeBytes - this.bytesOut
  }

  write(chunk: Uint8Array): boolean {
    if (this.#hasEnded || !this.#owner.isAlive) return true
    const piece = this.#sizeBytes === null ? chunk : chunk.subarray(0, this.missingBytes)
    if (piece.length === 0) return true
    this.bytesOut += piece.length
    let hasRoom = true
    this.#owner.cork(() => {
      hasRoom = this.#writer === null ? this.#begin(piece) : this.#writer.write(piece)
    })
    this.#noteUwsEnd()
    if (!hasRoom) this.#wait()
    return hasRoom
  }

  /** All of the body was given. */
  end(): void {
    this.#hasEnded = true
    if (this.#writer === null || this.#writer.isEmpty) this.#complete()
  }

  /** No deadline any more. */
  stop(): void {
    if (this.#deadline !== null) this.#owner.host.wheel.clear(this.#deadline)
  }

  /** The request body was paused or resumed. */
  onPauseChanged(): void {
    if (this.#isWaiting) this.#arm()
  }

  #begin(piece: Uint8Array): boolean {
    const { response } = this.#owner
    const { requestId } = this.#owner.head
    const ending = this.#owner.ending()
    if (piece.length === this.#sizeBytes && ending === CLOSES) {
      endWhole(response, this.#head, piece, requestId, ending)
      this.#owner.isAlive = false
      return true
    }
    this.#closing = ending === CLOSES || ending === LINGERS
    writeAnswerHead(response, this.#head, requestId, ending !== KEEPS)
    // To be left open, an answer of known length needs two bytes; a single one is sent chunked.
    const isSized = this.#sizeBytes !== null && !(this.#closing && this.#sizeBytes === 1)
    const writer = isSized
      ? new SizedWriter(response, this.#sizeBytes, this.#closing)
      : new ChunkedWriter(response)
    this.#writer = writer
    const hasRoom = writer.write(piece)
    if (!writer.hasEnded) response.onWritable(() => this.#onWritable())
    return hasRoom
  }

  #complete(): void {
    this.stop()
    const { response } = this.#owner
    const { requestId } = this.#owner.head
    let staysOpen = false
    if (this.#owner.isAlive) {
      this.#owner.cork(() => {
        if (this.#writer === null) {
          staysOpen = !endWhole(response, this.#head, null, requestId, this.#owner.ending())
        } else if (this.#closing) {
          staysOpen = true
          if (this.#writer instanceof ChunkedWriter) writeLastChunk(response, requestId)
        } else {
          response.end()
        }
      })
      if (!staysOpen) this.#owner.isAlive = false
    }
    this.#owner.onComplete(staysOpen)
  }

  #onWritable(): boolean {
    try {
      if (this.#owner.isAlive) this.#writeMore(true)
    } catch (error) {
      warnInternal(error)
      this.#owner.onStall()
    }
    return true
  }

  /** An empty `cork` does something too: it makes uWS write what it has buffered itself. */
  #writeMore(isProgress: boolean): void {
    const writer = this.#writer
    if (writer === null) return
    let isEmpty = true
    this.#owner.response.cork(() => {
      isEmpty = writer.resume()
    })
    this.#noteUwsEnd()
    if (isProgress || isEmpty) this.#wroteAtMs = performance.now()
    if (!isEmpty) {
      if (this.#owner.isPaused) this.#owner.response.pause()
      return
    }
    const wasWaiting = this.#isWaiting
    this.#isWaiting = false
    this.stop()
    if (this.#hasEnded) {
      if (wasWaiting) this.#complete()
    } else if (wasWaiting) {
      this.#owner.host.handler.onDrain(this.#owner)
    }
  }

  #noteUwsEnd(): void {
    if (this.#writer?.hasEnded === true) this.#owner.isAlive = false
  }

  #wait(): void {
    this.hasStalled = true
    this.#isWaiting = true
    this.#wroteAtMs = performance.now()
    if (this.#owner.isPaused) this.#owner.response.pause()
    this.#arm()
  }

  #arm(): void {
    const { host, isPaused } = this.#owner
    this.#deadline ??= host.wheel.create(() => this.#onTick())
    const leftMs = this.#wroteAtMs + host.options.timeouts.writeMs - performance.now()
    host.wheel.arm(this.#deadline, Math.max(0, Math.min(leftMs, isPaused ? RETRY_MS : PULSE_MS)))
  }

  #onTick(): void {
    if (!this.#isWaiting || !this.#owner.isAlive) return
    if (performance.now() - this.#wroteAtMs >= this.#owner.host.options.timeouts.writeMs) {
      this.#owner.onStall()
      return
    }
    if (this.#owner.isPaused) this.#writeMore(false)
    else this.#owner.response.resume()
    if (this.#isWaiting) this.#arm()
  }
}
