import { performance } from 'node:perf_hooks'
import type { Deadline } from '../../time/index.js'
import { REFUSALS } from '../guard/index.js'
import { attempt } from '../internal-error.js'
import type { Refusal } from '../types.js'
import { PULSE_MS, type UwsExchangeHost } from './exchange-host.js'
import type { UwsResponse } from './native-types.js'

/**
 * What may come in spite of a pause. Where {@link mendCode} does not know the addon's code, uWS goes on reading for as long as each read
 * fills its buffer of half a megabyte, and only closing the connection stops it: a client that sends faster than we read
 * would fill the memory with whatever it sends. Seen up to 24 MiB from clients that are slower.
 */
const UNSTOPPED_BYTES = 64 * 1024 * 1024

/** The exchange as its body sees it. */
export interface BodyOwner {
  readonly response: UwsResponse
  readonly host: UwsExchangeHost
  /** False: nothing is of interest any more, and the response object may be gone. */
  readonly isOpen: boolean
  onBodyPiece(piece: Uint8Array, isLast: boolean): void
  /** All of the body has come although nobody was interested any more. */
  onBodyDrained(): void
  refuse(refusal: Refusal): void
}

/** Receives the body of one request: limit, back-pressure, and the deadline for its next piece. */
export class RequestBody {
  isComplete = false
  isPaused = false
  readonly #owner: BodyOwner
  readonly #deadline: Deadline
  readonly #isChunked: boolean
  #bytes = 0
  /** Of these, what came since the pause. */
  #unstoppedBytes = 0
  #readAtMs = 0

  constructor(owner: BodyOwner, isChunked: boolean) {
    this.#owner = owner
    this.#isChunked = isChunked
    this.#deadline = owner.host.wheel.create(() => this.#onTick())
    owner.response.onData((chunk, isLast) => attempt(() => this.#onData(chunk, isLast)))
    this.#wait()
  }

  pause(): void {
    if (this.isComplete || this.isPaused) return
    this.isPaused = true
    this.#unstoppedBytes = 0
    this.stop()
    this.#owner.response.pause()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.#owner.response.resume()
    if (!this.isComplete) this.#wait()
  }

  /** The rest is read and thrown away. */
  discard(): void {
    this.stop()
    if (this.isPaused) this.#owner.response.resume()
    this.isPaused = false
  }

  /** No deadline any more. */
  stop(): void {
    this.#owner.host.wheel.clear(this.#deadline)
  }

  #onData(chunk: ArrayBuffer, isLast: boolean): void {
    if (!this.#owner.isOpen) {
      if (isLast) this.#owner.onBodyDrained()
      return
    }
    // uWS gives empty pieces in between.
    if (chunk.byteLength === 0 && !isLast) return
    this.#bytes += chunk.byteLength
    const { bodyBytes } = this.#owner.host.options.limits
    if (bodyBytes > 0 && this.#bytes > bodyBytes) {
      this.#owner.refuse(REFUSALS.bodyBytes)
      return
    }
    if (this.isPaused) {
      this.#unstoppedBytes += chunk.byteLength
      if (this.#unstoppedBytes > UNSTOPPED_BYTES) {
        this.#owner.refuse(REFUSALS.bodyUnstoppable)
        return
      }
    }
    if (!isLast) {
      this.#readAtMs = performance.now()
      this.#owner.onBodyPiece(new Uint8Array(chunk), false)
      return
    }
    this.stop()
    if (!this.#isChunked) {
      this.isComplete = true
      this.#owner.onBodyPiece(new Uint8Array(chunk), true)
      return
    }
    // What uWS takes for the end of a chunked body need not be one (U3, U4). If it finds more behind it in the same read, it
    // closes: so the body counts as complete one loop turn later. The chunk is detached by then.
    const piece = new Uint8Array(chunk).slice()
    setImmediate(() => {
      this.isComplete = true
      if (this.#owner.isOpen) this.#owner.onBodyPiece(piece, true)
      else this.#owner.onBodyDrained()
    })
  }

  #wait(): void {
    this.#readAtMs = performance.now()
    this.#arm(this.#owner.host.options.timeouts.bodyMs)
  }

  #arm(delayMs: number): void {
    this.#owner.host.wheel.arm(this.#deadline, Math.min(delayMs, PULSE_MS))
  }

  #onTick(): void {
    if (!this.#owner.isOpen || this.isComplete || this.isPaused) return
    const leftMs = this.#readAtMs + this.#owner.host.options.timeouts.bodyMs - performance.now()
    if (leftMs <= 0) {
      this.#owner.refuse(REFUSALS.bodyTimeout)
      return
    }
    this.#owner.response.resume()
    this.#arm(leftMs)
  }
}
